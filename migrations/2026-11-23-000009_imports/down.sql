DROP TABLE import_name, import_waiting, import_item, import_chunk, import;
