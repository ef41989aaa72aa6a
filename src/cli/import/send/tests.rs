use super::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A service in memory: refuses what a body says to refuse, repeats by key, and remembers each request.
#[derive(Default)]
struct Fake {
    requests: RefCell<Vec<Vec<Value>>>,
    by_key: RefCell<BTreeMap<String, String>>,
    people: Vec<(&'static str, &'static str, Option<&'static str>)>,
    fails_after: Option<usize>,
}

impl BatchPort for Fake {
    async fn post_batch(&self, lines: &[String]) -> Result<Vec<BatchAnswer>, ClientError> {
        if self.fails_after == Some(self.requests.borrow().len()) {
            return Err(ClientError::Busy { status: 503, attempts: 6, retry_after: None });
        }
        let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        self.requests.borrow_mut().push(lines.clone());
        Ok(lines.iter().enumerate().map(|(at, line)| self.answer(at + 1, line)).collect())
    }

    async fn search_person(&self, system: &str, value: &str) -> Result<Vec<FoundPerson>, ClientError> {
        let found = self.people.iter().filter(|person| system == "nhs_number" && person.0 == value);
        Ok(found
            .map(|person| FoundPerson { id: person.1.to_owned(), birth_date: person.2.map(str::to_owned) })
            .collect())
    }
}

impl Fake {
    fn answer(&self, line: usize, sent: &Value) -> BatchAnswer {
        if let Some(status) = sent["body"]["refuse"].as_u64() {
            return answer(line, u16::try_from(status).unwrap(), None, false);
        }
        let mut by_key = self.by_key.borrow_mut();
        let key = sent["key"].as_str().unwrap().to_owned();
        let repeated = by_key.contains_key(&key);
        let id = by_key.entry(key.clone()).or_insert_with(|| format!("id-of-{key}")).clone();
        answer(line, 201, Some(id), repeated)
    }

    fn sizes(&self) -> Vec<usize> {
        self.requests.borrow().iter().map(Vec::len).collect()
    }
}

fn answer(line: usize, status: u16, id: Option<String>, repeated: bool) -> BatchAnswer {
    BatchAnswer { line, status, id, version: Some(0), position: Some(0), repeated, problem: None }
}

fn line(name: &str, op: &'static str, body: Value) -> Line {
    Line::new(0, name.to_owned(), op, name.to_owned(), body)
}

fn recorded(name: &str, repeated: bool) -> Fate {
    Fate::Recorded { id: format!("id-of-{name}"), repeated }
}

fn story() -> Vec<Line> {
    vec![
        line("review", "record_review", json!({"person": "@p", "outcome": "@o"})),
        line("o", "identify_outcome", json!({"person": "@p", "narratives": ["@n"], "title": "@p stays words"})),
        line("n", "record_narrative", json!({"person": "@p"})),
        line("p", "register_person", json!({"name": "A"})),
    ]
}

#[tokio::test]
async fn people_come_first_and_references_are_sent_as_ids() {
    let fake = Fake::default();
    let sent = send(&fake, &story(), |_| {}).await;
    assert_eq!(sent.fates, ["review", "o", "n", "p"].map(|name| recorded(name, false)));
    let requests = fake.requests.borrow();
    let keys: Vec<&Value> = requests.iter().flatten().map(|line| &line["key"]).collect();
    assert_eq!(keys, ["p", "n", "o", "review"]);
    assert_eq!(
        requests[2][0]["body"],
        json!({"person": "id-of-p", "narratives": ["id-of-n"], "title": "@p stays words"})
    );
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let fake = Fake::default();
    send(&fake, &story(), |_| {}).await;
    let first: Vec<Vec<Value>> = fake.requests.take();
    let again = send(&fake, &story(), |_| {}).await;
    assert_eq!(again.fates, ["review", "o", "n", "p"].map(|name| recorded(name, true)));
    assert_eq!(*fake.requests.borrow(), first, "the same keys with the same bodies");
}

#[tokio::test]
async fn what_rests_on_a_refused_line_is_not_sent() {
    let fake = Fake::default();
    let mut lines = story();
    lines[2] = line("n", "record_narrative", json!({"person": "@p", "refuse": 422}));
    let settled = RefCell::new(0);
    let sent = send(&fake, &lines, |items| *settled.borrow_mut() += items).await;
    assert!(matches!(sent.fates[2], Fate::Refused { .. }));
    assert!(matches!(sent.fates[1], Fate::NotSent { .. }) && matches!(sent.fates[0], Fate::NotSent { .. }));
    assert_eq!(sent.fates[3], recorded("p", false));
    assert_eq!(*settled.borrow(), 4);
}

#[tokio::test]
async fn a_service_that_goes_away_leaves_a_fate_for_every_line() {
    let fake = Fake { fails_after: Some(1), ..Fake::default() };
    let sent = send(&fake, &story(), |_| {}).await;
    assert!(matches!(sent.stopped, Some(ClientError::Busy { .. })));
    assert_eq!(sent.fates.iter().filter(|fate| matches!(fate, Fate::NotSent { .. })).count(), 3);
    assert_eq!(sent.fates[3], recorded("p", false));
}

#[tokio::test]
async fn requests_are_cut_by_lines_and_by_bytes() {
    let many: Vec<Line> = (0..=CHUNK_MAX_LINES).map(|at| line(&at.to_string(), "op", json!({}))).collect();
    let fake = Fake::default();
    send(&fake, &many, |_| {}).await;
    assert_eq!(fake.sizes(), [CHUNK_MAX_LINES, 1]);
    let long: Vec<Line> =
        (0..5).map(|at| line(&at.to_string(), "op", json!({"text": "x".repeat(1_000_000)}))).collect();
    let fake = Fake::default();
    send(&fake, &long, |_| {}).await;
    assert_eq!(fake.sizes(), [4, 1]);
}

async fn fate_of_taken(
    status: u16,
    birth_date: &str,
    people: Vec<(&'static str, &'static str, Option<&'static str>)>,
) -> Vec<Fate> {
    let identifiers = json!([{"system": "nhs_number", "value": "1"}, {"system": "nhs_number", "value": "2"}]);
    let lines = [
        line("p", "register_person", json!({"refuse": status, "birth_date": birth_date, "identifiers": identifiers})),
        line("n", "record_narrative", json!({"person": "@p"})),
    ];
    send(&Fake { people, ..Fake::default() }, &lines, |_| {}).await.fates
}

#[tokio::test]
async fn a_person_who_is_there_already_is_found_by_identifier() {
    let fates = fate_of_taken(409, "2000-01-01", vec![("1", "held", Some("2000-01-01")), ("2", "held", None)]).await;
    assert_eq!(fates, [Fate::Found { id: "held".to_owned() }, recorded("n", false)]);
    let fates = fate_of_taken(422, "2000-01-01", vec![("1", "held", None)]).await;
    assert!(matches!(&fates[..], [Fate::Refused { .. }, Fate::Recorded { .. }]), "refused, but known: {fates:?}");
}

#[tokio::test]
async fn nobody_is_guessed() {
    for people in
        [vec![("1", "one", None), ("2", "another", None)], vec![("1", "held", Some("1999-01-01"))], Vec::new()]
    {
        let fates = fate_of_taken(409, "2000-01-01", people.clone()).await;
        assert!(matches!(&fates[..], [Fate::Refused { .. }, Fate::NotSent { .. }]), "{people:?}: {fates:?}");
    }
}

#[tokio::test]
async fn two_people_of_one_import_never_become_one() {
    let registers = |name: &str, refuse: Option<u16>| {
        line(
            name,
            "register_person",
            json!({"refuse": refuse, "identifiers": [{"system": "nhs_number", "value": "1"}]}),
        )
    };
    let lines = [registers("a", None), registers("b", Some(409))];
    let fake = Fake { people: vec![("1", "id-of-a", None)], ..Fake::default() };
    let fates = send(&fake, &lines, |_| {}).await.fates;
    assert!(matches!(&fates[..], [Fate::Recorded { .. }, Fate::Refused { .. }]), "{fates:?}");
}

#[tokio::test]
async fn a_line_that_the_service_could_not_record_now_is_no_refusal() {
    let fates = send(&Fake::default(), &[line("a", "op", json!({"refuse": 503}))], |_| {}).await.fates;
    assert!(matches!(&fates[0], Fate::NotSent { reason } if reason.contains("again")), "{fates:?}");
}

#[tokio::test]
async fn people_are_found_by_their_identifiers() {
    let port = Fake { people: vec![("1", "person-1", None)], ..Fake::default() };
    let ids = || ["1", "2"].map(str::to_owned);
    let known = find_known(&port, "nhs_number", ids()).await.unwrap();
    assert_eq!(known, HashMap::from([("1".to_owned(), "person-1".to_owned())]));
    assert!(find_known(&port, "another", ids()).await.unwrap().is_empty());
}
