//! An access as a FHIR R4 AuditEvent, in the shape of IHE BALP (Basic Audit Log Patterns), for monitors that speak it.
//!
//! No profile is claimed: BALP's reads name the resource that was read, and an access names kinds and numbers instead.

use crate::app::accesses::AccessSeen;
use crate::app::words::{AccessOutcome, Through};
use serde_json::{Value, json};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({"system": system, "code": code, "display": display})
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [coding(system, code, display)]})
}

fn identified(system: &str, value: &str) -> Value {
    json!({"identifier": {"system": system, "value": value}})
}

/// Whether it is a read of something that was named, and no question that anything might answer.
const fn is_read(through: Through) -> bool {
    matches!(through, Through::Single | Through::Record | Through::History | Through::Stream | Through::Proof)
}

/// The resource. `deployment` is the address under which the service is known.
#[must_use]
pub fn audit_event(seen: &AccessSeen, deployment: &str) -> Value {
    let access = &seen.access;
    let read = is_read(access.through);
    let interaction = if read { "read" } else { "search" };
    let (outcome, description) = match access.outcome {
        AccessOutcome::Shown => ("0", None),
        AccessOutcome::Erased => ("0", Some("sealed parts had been erased; facts were shown")),
        AccessOutcome::Unavailable => ("4", Some("nothing was shown: the keys were not available")),
        AccessOutcome::Tampered => ("8", Some("nothing was shown: a sealed part had been altered")),
    };
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": seen.id.to_string(),
        "type": coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [
            coding("http://hl7.org/fhir/restful-interaction", interaction, interaction),
            coding(&format!("{deployment}/docs/operations"), &access.operation, &access.operation),
        ],
        "action": if read { "R" } else { "E" },
        "recorded": seen.recorded_at.to_string(),
        "outcome": outcome,
        "agent": agents(seen, deployment, read),
        "source": {
            "observer": {"display": "Cairn", "identifier": {"system": "urn:ietf:rfc:3986", "value": deployment}},
            "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")],
        },
        "entity": entities(seen, read),
    });
    if let Some(description) = description {
        event["outcomeDesc"] = json!(description);
    }
    if let Some(purpose) = &access.purpose {
        let code = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose});
        event["purposeOfEvent"] = json!([{"coding": [code]}]);
    }
    event
}

fn agents(seen: &AccessSeen, deployment: &str, read: bool) -> Vec<Value> {
    let access = &seen.access;
    // As BALP has it: of a read the client is the destination, of a search it is the source.
    let (destination, source) =
        (concept(DICOM, "110152", "Destination Role ID"), concept(DICOM, "110153", "Source Role ID"));
    let (of_client, of_server) = if read { (destination, source) } else { (source, destination) };
    let client = json!({"type": of_client, "who": identified("urn:cairn:client", &access.client),
        "requestor": access.user.is_none()});
    let server = json!({"type": of_server, "who": identified("urn:ietf:rfc:3986", deployment), "requestor": false});
    let organisation = json!({
        "type": concept("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV", "healthcare provider"),
        "who": identified("urn:cairn:organisation", access.organisation.as_str()), "requestor": false,
    });
    let mut agents = vec![client, server, organisation];
    if let Some(user) = &access.user {
        let mut agent = json!({
            "type": concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient"),
            "who": identified(&format!("urn:cairn:user:{}", access.organisation), user.as_str()), "requestor": true,
        });
        if let Some(role) = &access.role {
            agent["role"] = json!([{"coding": [{"system": format!("urn:cairn:role:{}", access.organisation), "code": role.as_str()}]}]);
        }
        agents.push(agent);
    }
    agents
}

fn entities(seen: &AccessSeen, read: bool) -> Vec<Value> {
    let access = &seen.access;
    let mut entities = Vec::new();
    if let Some(person) = access.person {
        entities.push(json!({
            "what": {"reference": format!("Patient/{person}"),
                "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{person}")}},
            "type": coding(ENTITY_TYPE, "1", "Person"),
            "role": coding(OBJECT_ROLE, "1", "Patient"),
        }));
    }
    let kinds = access.kinds.iter().map(|(kind, count)| json!({"type": kind, "valueString": count.to_string()}));
    let parts = access.parts.iter().map(|part| json!({"type": "part", "valueString": part.as_str()}));
    let complete =
        access.complete_to.map(|position| json!({"type": "complete_to", "valueString": position.to_string()}));
    let details: Vec<Value> = kinds.chain(parts).chain(complete).collect();
    let (role, display) = if read { ("4", "Domain Resource") } else { ("24", "Query") };
    let mut data = json!({"type": coding(ENTITY_TYPE, "2", "System Object"), "role": coding(OBJECT_ROLE, role, display),
        "name": access.operation});
    if !details.is_empty() {
        data["detail"] = json!(details);
    }
    entities.push(data);
    if let Some(request) = &access.request {
        let kind = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
        entities
            .push(json!({"what": {"identifier": {"value": request}}, "type": {"system": kind, "code": "XrequestId"}}));
    }
    entities
}
