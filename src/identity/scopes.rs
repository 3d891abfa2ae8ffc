//! The one table of scopes: name, who may have it, what it allows. Enforced by [`crate::http::permit::Permit`], which takes
//! a scope as its type; documented in the OpenAPI document from here; tested from here.

use crate::code_enum;

code_enum! {
    /// What a client is to the service; stands with the client, not in its request.
    pub enum Role {
        /// The software of an organisation that takes part in partnerships.
        Operator = "operator",
        /// The regional administration that runs the calls.
        Region = "region",
        /// The regional Dote system, which mirrors and verifies outcomes.
        Dote = "dote",
        /// Whoever looks at how the service is used, without personal data.
        Auditor = "auditor",
    }
}

/// A scope as a type, so that a handler states it in its signature.
pub trait Scope: 'static {
    /// Its place in the table; `None` for what is open to all.
    const INFO: Option<&'static ScopeInfo>;
}

/// One row of the table.
#[derive(Debug)]
pub struct ScopeInfo {
    /// Name in tokens and in the document.
    pub name: &'static str,
    /// What it allows.
    pub meaning: &'static str,
    /// The roles whose clients may obtain it.
    pub roles: &'static [Role],
    /// Its bit in a [`ScopeSet`].
    pub bit: u64,
}

/// The scopes of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u64);

impl ScopeSet {
    /// No scope.
    pub const NONE: Self = Self(0);

    /// Every scope that there is.
    pub const ALL: Self = Self((1 << SCOPES.len()) - 1);

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds this scope.
    pub const fn has(self, scope: &ScopeInfo) -> bool {
        self.0 & scope.bit != 0
    }

    /// These scopes.
    pub fn of(scopes: impl IntoIterator<Item = &'static ScopeInfo>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit))
    }

    /// All that a role may have.
    pub fn of_role(role: Role) -> Self {
        Self::of(SCOPES.iter().filter(|scope| scope.roles.contains(&role)))
    }

    /// The scopes of a space-separated list; `None` where one is unknown or not in `within`.
    pub fn parse(list: &str, within: Self) -> Option<Self> {
        Self::of_list(list).filter(|set| set.0 & !within.0 == 0)
    }

    /// Those scopes of a space-separated list that are in `within`: an authority may grant less than was asked for, and says
    /// what it granted (RFC 6749, section 3.3). `None` where one is unknown or none is left.
    pub fn grant(list: &str, within: Self) -> Option<Self> {
        Self::of_list(list).map(|set| Self(set.0 & within.0)).filter(|set| set.0 != 0)
    }

    fn of_list(list: &str) -> Option<Self> {
        list.split(' ').filter(|name| !name.is_empty()).try_fold(Self(0), |set, name| {
            SCOPES.iter().find(|scope| scope.name == name).map(|scope| Self(set.0 | scope.bit))
        })
    }

    /// As a space-separated list, for tokens.
    pub fn to_list(self) -> String {
        SCOPES.iter().filter(|scope| self.has(scope)).map(|scope| scope.name).collect::<Vec<_>>().join(" ")
    }
}

macro_rules! scopes {
    ($($marker:ident = $name:literal [$($role:ident),+] $meaning:literal;)+) => {
        /// Every scope.
        pub const SCOPES: &[ScopeInfo] = &[$(ScopeInfo { name: $name, meaning: $meaning, roles: &[$(Role::$role),+], bit: 1 << Bit::$marker as u64 }),+];
        #[derive(Clone, Copy)]
        enum Bit { $($marker),+ }
        $(
            #[doc = $meaning]
            #[derive(Debug)]
            pub struct $marker;
            #[expect(clippy::indexing_slicing, reason = "judged when it is compiled: the table and the bits come from one list")]
            impl Scope for $marker {
                const INFO: Option<&'static ScopeInfo> = Some(&SCOPES[Bit::$marker as usize]);
            }
        )+
    };
}

scopes! {
    OrganisationsRead = "organisations.read" [Operator, Region, Dote, Auditor] "Read organisations and their accreditation.";
    OrganisationsWrite = "organisations.write" [Region] "Register organisations and set their accreditation.";
    CallsRead = "calls.read" [Operator, Region, Dote, Auditor] "Read calls and their rules.";
    CallsWrite = "calls.write" [Region] "Publish and change calls.";
    PartnershipsRead = "partnerships.read" [Operator, Region, Dote, Auditor] "Read partnerships and their composition.";
    PartnershipsWrite = "partnerships.write" [Operator] "Create, submit, activate, conclude and withdraw the partnerships that the organisation leads.";
    PartnershipsDecide = "partnerships.decide" [Region] "Approve or reject submitted partnerships.";
    MembersRead = "members.read" [Operator, Region, Dote, Auditor] "Read the members of partnerships.";
    MembersWrite = "members.write" [Operator] "Change the members of the partnerships that the organisation leads.";
    CohortsRead = "cohorts.read" [Operator, Region, Dote] "Read cohorts.";
    CohortsWrite = "cohorts.write" [Operator] "Create and change cohorts.";
    ParticipantsRead = "participants.read" [Operator, Region, Dote] "Read participants. Tax code and names are shown to the operator in charge, the region and the Dote system; others see a pseudonym.";
    ParticipantsWrite = "participants.write" [Operator] "Take workers in charge and change their records.";
    ParticipantsProtect = "participants.protect" [Region] "Give a worker a copy of what is kept, correct it and restrict it, on the worker's request.";
    ActionsRead = "actions.read" [Operator, Region, Dote] "Read actions.";
    ActionsWrite = "actions.write" [Operator] "Record the actions that the organisation performs.";
    ActionsAccount = "actions.account" [Region] "Account for completed actions: approve and liquidate their cost.";
    OutcomesRead = "outcomes.read" [Operator, Region, Dote] "Read outcomes and whether they count as placements.";
    OutcomesWrite = "outcomes.write" [Operator] "Declare, evidence and withdraw outcomes.";
    OutcomesVerify = "outcomes.verify" [Dote] "Verify or dispute outcomes against employers' notices.";
    ImportsRead = "imports.read" [Operator, Region] "Read what became of the organisation's imports.";
    ImportsWrite = "imports.write" [Operator, Region] "Send and cancel imports; each item also takes the scope that writes its kind.";
    AuditRead = "audit.read" [Auditor] "Read the audit log, by pseudonyms, and its proofs.";
    ChangesRead = "changes.read" [Operator, Region, Dote] "Pull the feed of changes.";
}

/// Open to everyone, with or without a token.
#[derive(Debug)]
pub struct Open;

impl Scope for Open {
    const INFO: Option<&'static ScopeInfo> = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_can_have_no_scope_that_shows_personal_data() {
        let auditor = ScopeSet::of_role(Role::Auditor);
        for scope in
            SCOPES.iter().filter(|scope| scope.name.starts_with("participants") || scope.name.starts_with("outcomes"))
        {
            assert!(!auditor.has(scope), "{}", scope.name);
        }
    }

    #[test]
    fn a_request_cannot_widen_what_the_role_allows() {
        let operator = ScopeSet::of_role(Role::Operator);
        assert_eq!(ScopeSet::parse("calls.read calls.write", operator), None);
        assert_eq!(ScopeSet::parse("calls.read nonsense", operator), None);
        assert_eq!(ScopeSet::grant("calls.read calls.write", operator).unwrap().to_list(), "calls.read");
        assert_eq!(ScopeSet::grant("calls.write", operator), None);
        assert_eq!(ScopeSet::grant("calls.read nonsense", operator), None);
        assert_eq!(ScopeSet::parse("calls.read", operator).unwrap().to_list(), "calls.read");
    }
}
