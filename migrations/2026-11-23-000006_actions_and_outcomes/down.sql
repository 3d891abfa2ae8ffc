DROP TABLE outcome, attendance, action;
DROP FUNCTION change_log_outcome();
DROP FUNCTION change_log_action();
