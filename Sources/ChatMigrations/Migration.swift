import ChatDomain

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

        package init(up: String, down: String) {
            self.up = up
            self.down = down
        }

        /// A stable hash over both scripts, as 16 hexadecimal digits.
        package var checksum: String {
            var hash = StableHash()
            hash.combine(up)
            hash.combine(0)
            hash.combine(down)
            let digits = String(hash.value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
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
