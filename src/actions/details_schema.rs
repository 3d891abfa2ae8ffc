//! The schema of the details: one closed object for each kind, told apart by `kind`.
//!
//! By hand: derived, a form would be *all of* the kind's object and one that holds `kind`, and the first, being closed,
//! would refuse what the second demands.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Discriminator, OneOfBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::details::{self, Details};
use crate::vocabularies::terms::ActionKind;

type Named = (String, RefOr<Schema>);

/// The object of one kind, with its `kind`, under the name `<Kind>Details`.
fn form<T: ToSchema>(kind: ActionKind) -> Named {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let tag = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([kind.as_str()]))
            .description(Some("What the action is."));
        object.properties.insert("kind".to_owned(), tag.build().into());
        object.required.push("kind".to_owned());
    }
    (format!("{}Details", T::name()), schema)
}

fn forms() -> Vec<(ActionKind, Named)> {
    ActionKind::ALL
        .iter()
        .map(|kind| {
            let form = match kind {
                ActionKind::Outplacement => form::<details::Outplacement>(*kind),
                ActionKind::SkillsShortageAnalysis => form::<details::SkillsShortageAnalysis>(*kind),
                ActionKind::WorkerAggregation => form::<details::WorkerAggregation>(*kind),
                ActionKind::NeedsAnalysis => form::<details::NeedsAnalysis>(*kind),
                ActionKind::WorkerMarketing => form::<details::WorkerMarketing>(*kind),
                ActionKind::TargetCompanyIdentification => form::<details::TargetCompanyIdentification>(*kind),
                ActionKind::Training => form::<details::Training>(*kind),
                ActionKind::IncomeSupport => form::<details::IncomeSupport>(*kind),
                ActionKind::WorkLifeBalance => form::<details::WorkLifeBalance>(*kind),
                ActionKind::SocioAssistance => form::<details::SocioAssistance>(*kind),
            };
            (*kind, form)
        })
        .collect()
}

impl PartialSchema for Details {
    fn schema() -> RefOr<Schema> {
        let mut mapping = BTreeMap::new();
        let mut any = OneOfBuilder::new().description(Some("What the action is, and what its kind carries beside."));
        for (kind, (name, _)) in forms() {
            let reference = Ref::from_schema_name(name);
            mapping.insert(kind.as_str().to_owned(), reference.ref_location.clone());
            any = any.item(reference);
        }
        let mut discriminator = Discriminator::new("kind");
        discriminator.mapping = mapping;
        Schema::OneOf(any.discriminator(Some(discriminator)).build()).into()
    }
}

impl ToSchema for Details {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ActionDetails")
    }

    fn schemas(schemas: &mut Vec<Named>) {
        schemas.extend(forms().into_iter().map(|(_, form)| form));
        details::Outplacement::schemas(schemas);
        details::SkillsShortageAnalysis::schemas(schemas);
        details::WorkerAggregation::schemas(schemas);
        details::NeedsAnalysis::schemas(schemas);
        details::WorkerMarketing::schemas(schemas);
        details::TargetCompanyIdentification::schemas(schemas);
        details::Training::schemas(schemas);
        details::IncomeSupport::schemas(schemas);
        details::WorkLifeBalance::schemas(schemas);
        details::SocioAssistance::schemas(schemas);
    }
}
