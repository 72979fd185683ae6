import ArgumentParser
import ChatMigrations

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Show and change the schema of the database.",
        subcommands: [Upgrade.self, Downgrade.self, Current.self, History.self, Stamp.self, Check.self]
    )

    struct Upgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Apply migrations.")

        @Argument(help: "head, +N or a revision.") var target = "head"
        @Flag(help: "Print the SQL instead of running it.") var sql = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await migrate(.up, to: target, printing: sql, database)
        }
    }

    struct Downgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take migrations back.")

        // Every unrecognised argument, since `-1` looks like an option.
        @Argument(parsing: .allUnrecognized, help: "-N, base or a revision (default: -1).") var target: [String] = []
        @Flag(help: "Print the SQL instead of running it.") var sql = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            guard target.count <= 1 else {
                throw ValidationError("downgrade takes one target, not \(target.joined(separator: " "))")
            }
            try await migrate(.down, to: target.first ?? "-1", printing: sql, database)
        }
    }

    struct Current: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the revision that the database is at.")

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await withMigrations(database) { migrations in
                let revision = try await migrations.currentRevision()
                print(revision == migrations.headRevision ? "\(revision) (head)" : revision)
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the migrations of this program.")

        func run() {
            for migration in Migration.all {
                print(migration.revision, migration.summary)
            }
        }
    }

    struct Stamp: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a revision as the current one without running anything."
        )

        @Argument(help: "head, base or a revision.") var revision: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let target = try MigrationTarget(argument: revision)
            try await withMigrations(database) { try await $0.stamp(target) }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Exit with a failure unless the schema is what this program needs."
        )

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await withMigrations(database) { migrations in
                try await migrations.check()
                print("The schema is at \(migrations.headRevision), as it should be.")
            }
        }
    }
}

private func migrate(
    _ direction: MigrationPlan.Direction,
    to argument: String,
    printing: Bool,
    _ options: DatabaseOptions
) async throws {
    let target = try MigrationTarget(argument: argument)
    try await withMigrations(options) { migrations in
        if printing {
            print(try await migrations.script(direction, to: target))
        } else {
            try await migrations.migrate(direction, to: target) { step in
                print(step.goesUp ? "upgraded to" : "took back", step.migration.revision, step.migration.summary)
            }
        }
    }
}

private func withMigrations(
    _ options: DatabaseOptions,
    _ body: (MigrationRunner) async throws -> Void
) async throws {
    let settings = try await SettingsReader(given: options.given)
    try await settings.printWarnings()
    let database = try await OpenDatabase(try settings.value(Settings.databaseURL), settings)
    do {
        try await body(database.migrations)
    } catch {
        throw CommandError(database: error)
    }
    try await database.close()
}

extension MigrationTarget {
    fileprivate init(argument: String) throws {
        guard let target = MigrationTarget(argument) else {
            throw CommandError("'\(argument)' is no migration target: use head, base, +N, -N or a revision")
        }
        self = target
    }
}
