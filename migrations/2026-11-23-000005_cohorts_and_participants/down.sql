DROP TABLE participant, cohort;
DROP FUNCTION change_log_participant();
DROP FUNCTION change_log_cohort();
