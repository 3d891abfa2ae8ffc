// Generated from the migrations by the test `schema`; to refresh it: UPDATE_SCHEMA=1 cargo test --test it schema

diesel::table! {
    action (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        cohort_id -> Nullable<Uuid>,
        performer_organisation_id -> Uuid,
        kind -> Text,
        mode -> Text,
        status -> Text,
        planned_on -> Date,
        started_on -> Nullable<Date>,
        ended_on -> Nullable<Date>,
        municipality -> Nullable<Text>,
        minutes -> Int4,
        financing -> Text,
        attendance -> Jsonb,
        deliverables -> Jsonb,
        cost_lines -> Jsonb,
        details -> Jsonb,
        evidence -> Nullable<Text>,
        requested_cents -> Int8,
        approved_cents -> Nullable<Int8>,
        liquidated_cents -> Nullable<Int8>,
        rectifies_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    attendance (action_id, participant_id) {
        action_id -> Uuid,
        participant_id -> Uuid,
        worker_index -> Bytea,
        kind -> Text,
        financing -> Text,
        from_on -> Date,
        to_on -> Date,
        minutes -> Int4,
    }
}

diesel::table! {
    audit_checkpoint (size) {
        size -> Int8,
        statement -> Text,
    }
}

diesel::table! {
    audit_leaf (position) {
        position -> Int8,
        event_id -> Int8,
    }
}

diesel::table! {
    audit_node (level, position) {
        level -> Int4,
        position -> Int8,
        hash -> Bytea,
    }
}

diesel::table! {
    audit_pending (event_id) {
        event_id -> Int8,
    }
}

diesel::table! {
    call (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        code -> Text,
        title -> Text,
        allocation_cents -> Int8,
        applications_from -> Date,
        applications_to -> Date,
        activities_from -> Date,
        activities_to -> Date,
        reporting_deadline -> Date,
        rules -> Jsonb,
    }
}

diesel::table! {
    call_budget (call_id) {
        call_id -> Uuid,
        allocation_cents -> Int8,
        granted_cents -> Int8,
    }
}

diesel::table! {
    call_revision (id, version) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        code -> Text,
        title -> Text,
        allocation_cents -> Int8,
        applications_from -> Date,
        applications_to -> Date,
        activities_from -> Date,
        activities_to -> Date,
        reporting_deadline -> Date,
        rules -> Jsonb,
    }
}

diesel::table! {
    client (id) {
        id -> Text,
        name -> Text,
        organisation_id -> Uuid,
        role -> Text,
        secret_hash -> Nullable<Text>,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        generation -> Int8,
        changed_at -> Timestamptz,
        issuer -> Nullable<Text>,
        subject -> Nullable<Text>,
        demands_integrity -> Bool,
        demands_audit -> Bool,
    }
}

diesel::table! {
    client_key (client_id, kid) {
        client_id -> Text,
        kid -> Text,
        algorithm -> Text,
        jwk -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    cohort (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        operator_organisation_id -> Uuid,
        name -> Text,
        crisis_company_id -> Nullable<Uuid>,
        ateco -> Nullable<Text>,
        province -> Nullable<Text>,
        agreement_on -> Nullable<Date>,
    }
}

diesel::table! {
    cohort_revision (id, version) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        operator_organisation_id -> Uuid,
        name -> Text,
        crisis_company_id -> Nullable<Uuid>,
        ateco -> Nullable<Text>,
        province -> Nullable<Text>,
        agreement_on -> Nullable<Date>,
    }
}

diesel::table! {
    data_key (version) {
        version -> Int4,
        wrapped -> Bytea,
        created_at -> Timestamptz,
        seals_from -> Timestamptz,
    }
}

diesel::table! {
    feed_epoch (epoch) {
        epoch -> Uuid,
        started_at -> Timestamptz,
        of_database -> Nullable<Text>,
        pruned_through -> Int8,
        after_position -> Int8,
        after_seq -> Int8,
    }
}

diesel::table! {
    idempotency (client_id, key) {
        client_id -> Text,
        key -> Text,
        digest -> Bytea,
        status -> Int4,
        record_id -> Uuid,
        version -> Int8,
        body -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    import (id) {
        id -> Uuid,
        client_id -> Text,
        organisation_id -> Uuid,
        scopes -> Text,
        mode -> Text,
        dry_run -> Bool,
        wait_days -> Int4,
        wanted_plan -> Nullable<Text>,
        plan_hash -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        digest -> Bytea,
        state -> Text,
        reason -> Nullable<Text>,
        stage -> Int4,
        created_at -> Timestamptz,
        served_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        lines -> Int8,
        created -> Int8,
        changed -> Int8,
        unchanged -> Int8,
        deleted -> Int8,
        waiting -> Int8,
        refused -> Int8,
        superseded -> Int8,
        skipped -> Int8,
        purpose -> Nullable<Text>,
        tracking -> Nullable<Jsonb>,
    }
}

diesel::table! {
    import_chunk (import_id, number) {
        import_id -> Uuid,
        number -> Int4,
        stage -> Int4,
        failures -> Int4,
        sealed -> Bytea,
    }
}

diesel::table! {
    import_name (import_id, kind, external_id, digest, line) {
        import_id -> Uuid,
        kind -> Text,
        external_id -> Text,
        digest -> Uuid,
        line -> Int8,
    }
}

diesel::table! {
    import_waiting (import_id, line) {
        import_id -> Uuid,
        line -> Int8,
        organisation_id -> Uuid,
        kind -> Text,
        external_id -> Text,
        parent_kind -> Text,
        parent_name -> Text,
        since -> Timestamptz,
        until -> Timestamptz,
        tried_at -> Timestamptz,
        sealed -> Bytea,
    }
}

diesel::table! {
    member (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        organisation_id -> Uuid,
        category -> Text,
        joined_on -> Date,
        left_on -> Nullable<Date>,
        own_resources_cents -> Int8,
    }
}

diesel::table! {
    organisation (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        tax_code -> Text,
        name -> Text,
        legal_form -> Nullable<Text>,
        ateco -> Nullable<Text>,
        municipality -> Nullable<Text>,
        province -> Nullable<Text>,
        accreditation -> Nullable<Jsonb>,
    }
}

diesel::table! {
    outcome (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        participant_id -> Uuid,
        kind -> Text,
        contract_type -> Nullable<Text>,
        working_time -> Nullable<Text>,
        employer_sealed -> Nullable<Bytea>,
        employer_index -> Nullable<Bytea>,
        starts_on -> Date,
        ends_on -> Nullable<Date>,
        cob -> Nullable<Text>,
        previous_cob -> Nullable<Text>,
        cob_annulled -> Bool,
        ccnl -> Nullable<Text>,
        profession -> Nullable<Text>,
        vat_opened_on -> Nullable<Date>,
        state -> Text,
        state_reason -> Nullable<Text>,
        state_changed_on -> Date,
    }
}

diesel::table! {
    outcome_revision (id, version) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        participant_id -> Uuid,
        kind -> Text,
        contract_type -> Nullable<Text>,
        working_time -> Nullable<Text>,
        employer_sealed -> Nullable<Bytea>,
        employer_index -> Nullable<Bytea>,
        starts_on -> Date,
        ends_on -> Nullable<Date>,
        cob -> Nullable<Text>,
        previous_cob -> Nullable<Text>,
        cob_annulled -> Bool,
        ccnl -> Nullable<Text>,
        profession -> Nullable<Text>,
        vat_opened_on -> Nullable<Date>,
        state -> Text,
        state_reason -> Nullable<Text>,
        state_changed_on -> Date,
    }
}

diesel::table! {
    participant (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        partnership_id -> Uuid,
        cohort_id -> Uuid,
        operator_organisation_id -> Uuid,
        person_sealed -> Nullable<Bytea>,
        worker_index -> Bytea,
        pseudonym -> Text,
        birth_year -> Int4,
        sex -> Text,
        municipality -> Text,
        education_level -> Nullable<Text>,
        entry_status -> Text,
        unemployed_since -> Nullable<Date>,
        dote_number -> Text,
        dote_path -> Text,
        dote_from -> Date,
        dote_to -> Date,
        taken_charge_on -> Nullable<Date>,
        left_on -> Nullable<Date>,
        exit_reason -> Nullable<Text>,
        restricted_at -> Nullable<Timestamptz>,
        pseudonymised_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    partnership (id) {
        id -> Uuid,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        source_organisation_id -> Uuid,
        external_id -> Nullable<Text>,
        call_id -> Uuid,
        lead_organisation_id -> Uuid,
        title -> Text,
        ateco -> Nullable<Text>,
        provinces -> Jsonb,
        cup -> Nullable<Text>,
        starts_on -> Date,
        ends_on -> Date,
        budget_cents -> Int8,
        requested_cents -> Int8,
        granted_cents -> Nullable<Int8>,
        state -> Text,
        submitted_on -> Nullable<Date>,
        decided_on -> Nullable<Date>,
        decision_reason -> Nullable<Text>,
        activated_on -> Nullable<Date>,
        concluded_on -> Nullable<Date>,
        withdrawn_on -> Nullable<Date>,
        withdrawal_reason -> Nullable<Text>,
    }
}

diesel::table! {
    quota_use (subject, minute) {
        subject -> Uuid,
        minute -> Int8,
        used -> Int8,
    }
}

diesel::table! {
    sight (partnership_id, organisation_id) {
        partnership_id -> Uuid,
        organisation_id -> Uuid,
    }
}

diesel::table! {
    sight_settled (settled_on) {
        settled_on -> Date,
    }
}

diesel::table! {
    sight_told (partnership_id, organisation_id) {
        partnership_id -> Uuid,
        organisation_id -> Uuid,
    }
}

diesel::table! {
    signing_key (kid) {
        kid -> Text,
        private_pem -> Nullable<Text>,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
        signs_from -> Timestamptz,
        private_sealed -> Nullable<Bytea>,
    }
}

diesel::table! {
    used_assertion (client_id, kind, jti) {
        client_id -> Text,
        jti -> Text,
        expires_at -> Timestamptz,
        kind -> Text,
    }
}

diesel::table! {
    vault_check (id) {
        id -> Uuid,
        sealed -> Bytea,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    action,
    attendance,
    audit_checkpoint,
    audit_leaf,
    audit_node,
    audit_pending,
    call,
    call_budget,
    call_revision,
    client,
    client_key,
    cohort,
    cohort_revision,
    data_key,
    feed_epoch,
    idempotency,
    import,
    import_chunk,
    import_name,
    import_waiting,
    member,
    organisation,
    outcome,
    outcome_revision,
    participant,
    partnership,
    quota_use,
    sight,
    sight_settled,
    sight_told,
    signing_key,
    used_assertion,
    vault_check,
);
