DROP TABLE call_budget, call, organisation;
DROP FUNCTION change_log_call();
DROP FUNCTION change_log_organisation();
