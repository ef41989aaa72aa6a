//! Imports that come in pieces: what an earlier one has registered, a later one finds.

use crate::support::{TestService, backends};
use cairn::app::words::Scope;
use serde_json::json;
use std::process::{Command, Output};

/// Runs `cairn import fhir` on some resources, as a partner does.
async fn import(service: &TestService, resources: &[serde_json::Value]) -> Output {
    let file = service.folder.path().join("input.ndjson");
    let text: String = resources.iter().map(|resource| format!("{resource}\n")).collect();
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
    command.args(["import", "fhir", "--quiet", "--source-system", "ward", "--url", &service.base]).arg(file);
    command.env("CAIRN_TOKEN", service.token("TEST-1", Scope::ALL));
    // The service shares this thread's runtime and must go on while the command waits for it.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_goal_without_its_patient_is_placed_with_the_person_whom_an_earlier_import_registered() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let patient = json!({"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"});
        let goal = |patient: &str| {
            json!({"resourceType": "Goal", "id": format!("of-{patient}"), "lifecycleStatus": "active", "startDate": "2024-01-10",
                "subject": {"reference": format!("Patient/{patient}")}, "description": {"text": "Go out"},
                "expressedBy": {"reference": format!("Patient/{patient}")}})
        };
        assert_eq!(
            import(&service, std::slice::from_ref(&goal("p"))).await.status.code(),
            Some(1),
            "nobody is known yet"
        );
        assert!(import(&service, &[patient]).await.status.success());
        for round in ["first", "again"] {
            let done = import(&service, &[goal("p")]).await;
            assert!(done.status.success(), "{round}: {}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(import(&service, &[goal("stranger")]).await.status.code(), Some(1));
        let person = json!({"system": "ward-patient-id", "value": "p"});
        let person = caller.send(reqwest::Method::POST, "/v1/people/search", &[], Some(&person)).await.expect(200);
        let outcomes = caller.get("/v1/outcomes").await.expect(200).body["items"].clone();
        assert_eq!(outcomes.as_array().unwrap().len(), 1, "{outcomes}");
        assert_eq!(outcomes[0]["person"], person.body["items"][0]["id"]);
        assert_eq!(outcomes[0]["identified_by"], "person");
    }
}
