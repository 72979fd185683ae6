import Hashing

/// One schema change: a script up and a script down for each database.
///
/// A released migration must never be edited. Applying it records its checksum, and a database with a different
/// checksum is refused.
package struct Migration: Sendable {
    /// The migration's name in commands and in the database, such as `0001`.
    ///
    /// Sorting revisions gives the order in which they are applied.
    package let revision: String
    /// What the migration does, in a few words, such as `create chats and messages`.
    package let summary: String
    private let sqlite: Scripts
    private let postgresql: Scripts

    /// SQL scripts, of one or more statements each, which run in a transaction that the runner opens and commits.
    package struct Scripts: Sendable {
        /// Applies the migration.
        package let up: String
        /// Reverts the migration.
        package let down: String
        /// The data that `down` erases, in words that complete "this erases …"; nil if none.
        package let erases: String?
        /// The schema after this migration, as the database describes it: a line for each column, constraint and index,
        /// starting with its table and a colon.
        ///
        /// A database may contain more, such as an index that an operator added.
        package let schema: Set<String>

        /// - Parameter schema: The lines of `schema`, separated by line feeds.
        package init(up: String, down: String, erases: String? = nil, schema: String = "") {
            self.up = up
            self.down = down
            self.erases = erases
            self.schema = Set(schema.split(separator: "\n").map(String.init))
        }

        /// A hash of both scripts that never changes between versions, as 16 hexadecimal digits.
        package var checksum: String {
            var hash = StableHash()
            hash.combine(up)
            hash.combine(0)
            hash.combine(down)
            return hash.digits
        }
    }

    package init(revision: String, summary: String, sqlite: Scripts, postgresql: Scripts) {
        self.revision = revision
        self.summary = summary
        self.sqlite = sqlite
        self.postgresql = postgresql
    }

    /// The migration's scripts for one kind of database.
    package func scripts(for database: DatabaseKind) -> Scripts {
        switch database {
        case .sqlite: sqlite
        case .postgresql: postgresql
        }
    }
}
