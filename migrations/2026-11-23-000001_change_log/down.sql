DROP FUNCTION change_log_sequence(int);
DROP FUNCTION change_log_attach(regclass, text, text);
DROP FUNCTION change_log_refuse();
DROP TABLE feed_epoch, change_position, change_pending, change_event;
