/// The SQL of the table that holds which migrations were applied.
///
/// It is written so that every database understands it.
package enum VersionTable {
    package static let name = "schema_migrations"

    package static let create = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            revision TEXT NOT NULL PRIMARY KEY,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        """

    package static let select = "SELECT revision, checksum FROM schema_migrations ORDER BY revision"

    /// Revisions and checksums come from the binary's own list, in the alphabet `[0-9a-z]`, so that they may stand in a
    /// script that is also printed for people.
    static func insert(_ migration: AppliedMigration) -> String {
        "INSERT INTO schema_migrations (revision, checksum) VALUES ('\(migration.revision)', '\(migration.checksum)');"
    }

    static let deleteAll = "DELETE FROM schema_migrations;"

    static func delete(revision: String) -> String {
        "DELETE FROM schema_migrations WHERE revision = '\(revision)';"
    }
}
