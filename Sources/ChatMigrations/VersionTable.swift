/// The SQL for the table of applied migrations.
///
/// The same statements run on SQLite and PostgreSQL.
package enum VersionTable {
    /// The table's name.
    package static let name = "schema_migrations"

    /// Creates the table unless it exists.
    package static let create = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            revision TEXT NOT NULL PRIMARY KEY,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        """

    /// Selects the revision and checksum of each applied migration, ordered by revision.
    package static let select = "SELECT revision, checksum FROM schema_migrations ORDER BY revision"

    /// Inserts the revision and checksum as literals, since `--sql` prints the script.
    ///
    /// Both come from the program's own list and consist of `[0-9a-z]`, so they need no escaping.
    static func insert(_ migration: AppliedMigration) -> String {
        "INSERT INTO schema_migrations (revision, checksum) VALUES ('\(migration.revision)', '\(migration.checksum)');"
    }

    static let deleteAll = "DELETE FROM schema_migrations;"

    static func delete(revision: String) -> String {
        "DELETE FROM schema_migrations WHERE revision = '\(revision)';"
    }
}
