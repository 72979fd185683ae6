import ArgumentParser
import ChatMigrations
import Glibc

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Show or change the database schema.",
        subcommands: [Upgrade.self, Downgrade.self, Current.self, History.self, Stamp.self, Check.self]
    )

    struct Upgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Apply migrations.")

        @Argument(help: "The target: head, +N or a revision.") var target = "head"
        @Flag(help: "Print the SQL instead of running it.") var sql = false
        @OptionGroup(title: "Database") var database: DatabaseOptions
        @OptionGroup(title: "Schema") var schema: MigrationOptions

        func run() async throws {
            let target = try MigrationTarget(argument: target)
            try await withMigrations(database, schema) { migrations in
                if sql { return print(try await migrations.script(.up, to: target)) }
                try await migrations.migrateReporting(.up, to: target)
            }
        }
    }

    struct Downgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revert migrations.")

        // `-1` looks like an option, so this takes every unrecognized argument.
        @Argument(parsing: .allUnrecognized, help: "The target: -N, base or a revision (default: -1).")
        var target: [String] = []
        @Flag(help: "Print the SQL instead of running it.") var sql = false
        @Flag(help: "Erase data without asking.") var yes = false
        @OptionGroup(title: "Database") var database: DatabaseOptions
        @OptionGroup(title: "Schema") var schema: MigrationOptions

        func run() async throws {
            guard target.count <= 1 else {
                throw ValidationError("downgrade takes one target, not \(target.joined(separator: " "))")
            }
            let target = try MigrationTarget(argument: target.first ?? "-1")
            try await withMigrations(database, schema) { migrations in
                if sql { return print(try await migrations.script(.down, to: target)) }
                let losses = try await migrations.losses(goingDownTo: target)
                if !yes, !losses.isEmpty {
                    try confirm("This erases \(losses.joined(separator: ", and then ")).")
                }
                try await migrations.migrateReporting(.down, to: target)
            }
        }

        /// Asks for confirmation on a terminal; otherwise fails with a hint at `--yes`.
        private func confirm(_ warning: String) throws(CommandError) {
            guard isatty(STDIN_FILENO) == 1 else { throw CommandError("\(warning) To confirm, add --yes") }
            print(warning, "Type yes to continue: ", terminator: "")
            fflush(nil)
            guard readLine() == "yes" else { throw CommandError("nothing was changed") }
        }
    }

    struct Current: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the database's revision.")

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await withMigrations(database) { migrations in
                let revision = try await migrations.currentRevision()
                print(revision == migrations.headRevision ? "\(revision) (head)" : revision)
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the migrations in this program.")

        func run() {
            for migration in Migration.all {
                print(migration.revision, migration.summary)
            }
        }
    }

    struct Stamp: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a revision without running any migration.",
            discussion: "The schema must match the revision; otherwise the service will not start."
        )

        @Argument(help: "The revision to record: head, base or a revision.") var revision: String
        @Flag(help: "Record the revision even if the schema does not match it.") var force = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let target = try MigrationTarget(argument: revision)
            try await withMigrations(database) { migrations in
                print("stamped \(try await migrations.stamp(target, force: force)); no migration was run")
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fail unless the schema matches this program."
        )

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await withDatabase(database) { database in
                try await database.migrations.check()
                print("The schema is current: \(database.migrations.headRevision).")
                if let distribution = try await database.distribution() { print(distribution.text) }
            }
        }
    }
}

extension MigrationRunner {
    /// Prints each step, or that there is nothing to do.
    fileprivate func migrateReporting(_ direction: MigrationPlan.Direction, to target: MigrationTarget) async throws {
        let steps = try await migrate(
            direction,
            to: target,
            onWait: { print("waiting for other sessions that are using the tables") },
            onStep: { print($0.goesUp ? "applied" : "reverted", $0.migration.revision, $0.migration.summary) }
        )
        if steps == 0 {
            print("nothing to do: the schema is at \(try await currentRevision())")
        }
    }
}

private func withMigrations(
    _ options: DatabaseOptions,
    _ schema: MigrationOptions? = nil,
    _ body: (MigrationRunner) async throws -> Void
) async throws {
    try await withDatabase(options, schema) { try await body($0.migrations) }
}

extension MigrationTarget {
    fileprivate init(argument: String) throws {
        guard let target = MigrationTarget(argument) else {
            throw CommandError("'\(argument)' is not a migration target: use head, base, +N, -N or a revision")
        }
        self = target
    }
}
