DROP VIEW sight;
DROP TABLE member, partnership;
DROP FUNCTION change_log_member();
DROP FUNCTION change_log_partnership();
