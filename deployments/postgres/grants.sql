-- The rights of the service's role, for those who grant them by hand; `bulwark migrate` does the same when both
-- BULWARK_MIGRATE_DATABASE_URL and BULWARK_DATABASE_URL are set. Run it after each migration, as the owner of the schema:
--   psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v service=bulwark -f deployments/postgres/grants.sql
BEGIN;
GRANT USAGE ON SCHEMA public TO :"service";
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"service";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"service";
REVOKE INSERT, UPDATE, DELETE ON goose_db_version FROM :"service";
REVOKE UPDATE, DELETE ON audit_heads FROM :"service";
GRANT UPDATE (hash, sequence) ON audit_heads TO :"service";
REVOKE UPDATE, DELETE ON audit_records FROM :"service";
REVOKE UPDATE, DELETE ON audit_rows FROM :"service";
REVOKE UPDATE, DELETE ON corrections FROM :"service";
REVOKE UPDATE, DELETE ON evidence FROM :"service";
GRANT UPDATE (removed_at, removed_by, removed_reason, updated_at, version) ON evidence TO :"service";
REVOKE UPDATE, DELETE ON plan_outcomes FROM :"service";
REVOKE UPDATE, DELETE ON plan_versions FROM :"service";
REVOKE UPDATE, DELETE ON proposals FROM :"service";
GRANT UPDATE (decided_at, decided_by, decision_reason, state, updated_at, version) ON proposals TO :"service";
REVOKE UPDATE, DELETE ON publications FROM :"service";
REVOKE UPDATE, DELETE ON result_nodes FROM :"service";
REVOKE UPDATE, DELETE ON results FROM :"service";
REVOKE UPDATE, DELETE ON robustness_results FROM :"service";
REVOKE UPDATE, DELETE ON runs FROM :"service";
REVOKE UPDATE, DELETE ON sheet_remarks FROM :"service";
REVOKE UPDATE, DELETE ON signing_statements FROM :"service";
REVOKE UPDATE, DELETE ON transitions FROM :"service";
REVOKE UPDATE, DELETE ON value_choices FROM :"service";
REVOKE UPDATE, DELETE ON visit_versions FROM :"service";
REVOKE UPDATE, DELETE ON withdrawals FROM :"service";
COMMIT;
