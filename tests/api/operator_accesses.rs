//! What operators' commands show of people is told to those people like any other access.

use crate::support::{TestService, backends};
use cairn::app::accesses::OperatorAccess;
use cairn::app::words::{Kind, ShownPart};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn an_operators_access_stands_among_the_persons_own() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let (caller, other) = (service.caller("TEST-1"), service.caller("TEST-2"));
        let person = caller.person().await;
        let shown = OperatorAccess {
            person: person.parse().unwrap(),
            owner: "TEST-1".parse().unwrap(),
            parts: BTreeSet::from([ShownPart::Facts, ShownPart::Words]),
            kinds: BTreeMap::from([(Kind::Narrative, 2)]),
        };
        let app = &service.service.as_ref().unwrap().app;
        let purpose = Some("HOPERAT".to_owned());
        app.record_operator_access("export --open", purpose, Some(12), vec![shown]).await.unwrap();
        app.record_operator_access("export --open", None, None, Vec::new()).await.unwrap();
        assert_eq!(service.access_count().await, 1, "nothing shown is nothing recorded");
        let found = caller.get(&format!("/v1/people/{person}/accesses")).await.expect(200);
        let access = &found.body["items"][0];
        for (name, value) in [
            ("client", json!("operator")),
            ("organisation", json!("TEST-1")),
            ("operation", json!("export --open")),
            ("through", json!("command")),
            ("purpose", json!("HOPERAT")),
            ("parts", json!(["facts", "words"])),
            ("kinds", json!({"narrative": 2})),
            ("outcomes_complete_to", json!(12)),
            ("request_id", json!(null)),
        ] {
            assert_eq!(access[name], value, "{name} of {access:#}");
        }
        assert_eq!(other.get("/v1/accesses").await.expect(200).body["items"], json!([]));
    }
}
