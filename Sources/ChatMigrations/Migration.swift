import Hashing

/// One step of the schema: a script up and a script down for each database.
///
/// A migration that has been released is never edited: its checksum is recorded beside its revision when it is applied,
/// and a database that recorded another one is refused.
package struct Migration: Sendable {
    /// The step's name in commands and in the database, such as `0001`.
    ///
    /// Revisions sort in the order of application.
    package let revision: String
    /// What the step does, in a few words.
    package let summary: String
    private let sqlite: Scripts
    private let postgresql: Scripts

    /// SQL scripts of any number of statements, run inside a transaction that the runner opens and commits.
    package struct Scripts: Sendable {
        package let up: String
        package let down: String
        /// What `down` erases, in words that complete "this erases …"; nil if nothing.
        package let erases: String?
        /// The whole schema after the step, as the database itself describes it: a line for each column, constraint and
        /// index, which begins with its table and a colon.
        ///
        /// A database may have more, such as an index that an operator added.
        package let schema: Set<String>

        package init(up: String, down: String, erases: String? = nil, schema: String = "") {
            self.up = up
            self.down = down
            self.erases = erases
            self.schema = Set(schema.split(separator: "\n").map(String.init))
        }

        /// A stable hash over both scripts, as 16 hexadecimal digits.
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

    /// The step's scripts for one database.
    package func scripts(for database: DatabaseKind) -> Scripts {
        switch database {
        case .sqlite: sqlite
        case .postgresql: postgresql
        }
    }
}
