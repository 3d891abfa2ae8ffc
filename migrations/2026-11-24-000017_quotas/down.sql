DROP TABLE quota_use;
