//! Puts together what is kept of a worker.

use chrono::Months;
use uuid::Uuid;

use super::store;
use super::wire::{WorkerDisclosure, WorkerExport, WorkerRetention};
use crate::actions::Actions;
use crate::actions::model::Action;
use crate::audit;
use crate::audit::store::Wanted;
use crate::audit::wire::AuditedAs;
use crate::batch::{Context, Resource};
use crate::db::threads::QueryError;
use crate::db::{Conn, Stored};
use crate::identifiers::PersonTaxCode;
use crate::identity::Caller;
use crate::kind::Kind;
use crate::outcomes::model::Outcome;
use crate::outcomes::{Outcomes, history};
use crate::participants::model::Participant;
use crate::participants::{self, Participants};
use crate::text;
use crate::text::Language;

/// Entries of the audit log that are told.
const MOST_DISCLOSURES: i64 = 1000;

/// Records of one worker, at most.
const MOST_RECORDS: i64 = 200;

/// Revisions of one outcome that are told.
const MOST_REVISIONS: i64 = 200;

/// What is kept of a worker, with the records that it shows; `None` where there is nobody.
pub type Found = Option<(WorkerExport, Vec<(Kind, Uuid)>)>;

/// Everything that is kept of the worker of a tax code. The caller sees all: a worker's data is in partnerships of all kinds.
pub fn export(
    conn: &mut Conn,
    code: &PersonTaxCode,
    caller: &Caller,
    language: Language,
    context: &Context,
) -> Result<Found, QueryError> {
    let index = context.vault.index(code.as_str());
    let participants = participants::store::of_worker(conn, &index, caller.sight(), MOST_RECORDS)?;
    if participants.is_empty() {
        return Ok(None);
    }
    let own: Vec<Uuid> = participants.iter().map(|participant| participant.meta.id).collect();
    let (attended, became) = (store::actions(conn, &own)?, store::outcomes(conn, &own)?);
    let (actions, outcomes) = (Action::fetch(conn, &attended)?, Outcome::fetch(conn, &became)?);
    let mut revisions = Vec::new();
    for outcome in &outcomes {
        revisions.extend(history::revisions(conn, outcome.meta.id, 0, MOST_REVISIONS, caller, context)?.0);
    }
    let (disclosures, more_disclosures) = disclosures(conn, &participants)?;
    let kept = store::retention(conn, &own)?.into_iter().map(|(participant_id, deadline, months)| {
        let until = months.and_then(|months| deadline.checked_add_months(Months::new(months)));
        WorkerRetention { participant_id, until }
    });
    let kept = kept.collect();
    let mut attended = views::<Actions>(conn, &actions, caller, context)?;
    for action in &mut attended {
        // Who else was there is nobody's business but theirs.
        action.attendance.retain(|attendance| own.contains(&attendance.participant_id));
    }
    let read = own
        .iter()
        .map(|id| (Kind::Participant, *id))
        .chain(actions.iter().map(|action| (Kind::Action, action.meta.id)))
        .chain(outcomes.iter().map(|outcome| (Kind::Outcome, outcome.meta.id)))
        .collect();
    let export = WorkerExport {
        exported_at: context.now(),
        notice: notice(language),
        participants: views::<Participants>(conn, &participants, caller, context)?,
        kept,
        actions: attended,
        outcomes: views::<Outcomes>(conn, &outcomes, caller, context)?,
        revisions,
        disclosures,
        more_disclosures,
    };
    Ok(Some((export, read)))
}

fn views<R: Resource>(
    conn: &mut Conn,
    records: &[R::Record],
    caller: &Caller,
    context: &Context,
) -> Result<Vec<R::View>, QueryError> {
    let shown: Vec<(&R::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
    Ok(R::views(conn, &shown, context)?)
}

fn disclosures(conn: &mut Conn, participants: &[Participant]) -> Result<(Vec<WorkerDisclosure>, bool), QueryError> {
    // All records of a worker have one pseudonym.
    let pseudonym = participants.first().map(|participant| participant.pseudonym.as_str());
    let wanted = Wanted { pseudonym, before: i64::MAX, limit: MOST_DISCLOSURES + 1, ..Wanted::default() };
    let mut events = audit::store::list(conn, &wanted)?;
    let most = usize::try_from(MOST_DISCLOSURES).unwrap_or(usize::MAX);
    let more = events.len() > most;
    events.truncate(most);
    let told = events.into_iter().map(|event| WorkerDisclosure {
        at: event.at,
        organisation_id: event.organisation_id,
        operation: event.operation,
        purpose: event.purpose,
        action: if event.effects.is_some() { AuditedAs::Write } else { AuditedAs::Read },
    });
    Ok((told.collect(), more))
}

/// What a worker is told beside the data. The controller's own notice says it in full.
fn notice(language: Language) -> String {
    let said = text!(
        "Regione Lombardia (controller) processes this data to pay for and coordinate the re-employment of holders of a Dote ricollocazione, a task in the public interest \
         (art. 6(1)(e) GDPR; art. 2-ter d.lgs. 196/2003). It comes from the accredited operator in charge and, for verified outcomes, from employers' mandatory notices. It is \
         shown to the operator in charge, the region and the regional Dote system; other members of the partnership see it under a pseudonym. No decision rests on automated \
         processing alone. The worker may ask the region to correct or restrict it, object to it, and complain to the Garante per la protezione dei dati personali."
            / "Regione Lombardia (titolare) tratta questi dati per finanziare e coordinare la ricollocazione dei titolari di Dote ricollocazione, compito di interesse pubblico \
               (art. 6, par. 1, lett. e GDPR; art. 2-ter d.lgs. 196/2003). Provengono dall'operatore accreditato che ha in carico il lavoratore e, per gli esiti verificati, dalle \
               comunicazioni obbligatorie dei datori di lavoro. Sono visibili all'operatore che ha in carico il lavoratore, alla Regione e al sistema regionale Dote; gli altri \
               soggetti del partenariato li vedono sotto pseudonimo. Nessuna decisione si basa unicamente su trattamenti automatizzati. Il lavoratore può chiedere alla Regione \
               la rettifica o la limitazione, opporsi al trattamento e proporre reclamo al Garante per la protezione dei dati personali."
    );
    said.get(language).to_owned()
}
