/// Migrates a database's schema, with one transaction per migration.
///
/// Each step checks, in its own exclusive transaction, which migrations have been applied. So several processes can run
/// at the same time and still apply each migration once, and a process that is killed leaves the schema after its last
/// complete step.
package struct MigrationRunner: Sendable {
    private let database: any MigrationDatabase
    private let plan: MigrationPlan

    /// - Parameter migrations: In order of application, with ascending revisions; not empty.
    package init(_ database: any MigrationDatabase, migrations: [Migration] = Migration.all) {
        self.database = database
        plan = MigrationPlan(migrations, for: database.kind)
    }

    /// Migrates the schema to the target and reports each step after its commit.
    ///
    /// An upgrade verifies before its first step and after its last one that the schema matches the recorded revision.
    ///
    /// - Parameter onWait: Called while other sessions lock the tables, at most once per step.
    /// - Returns: The number of steps.
    @discardableResult
    package func migrate(
        _ direction: MigrationPlan.Direction,
        to target: MigrationTarget,
        onWait: @Sendable () -> Void = {},
        onStep: @Sendable (MigrationStep) -> Void = { _ in }
    ) async throws -> Int {
        let goal = try plan.height(of: target, from: await currentHeight(), going: direction)
        var count = 0
        while let step = try await performStep(direction, towards: goal, onWait: onWait) {
            onStep(step)
            count += 1
        }
        return count
    }

    /// The data that a downgrade to the target erases, in words that complete "this erases …".
    package func losses(goingDownTo target: MigrationTarget) async throws -> [String] {
        let height = try await currentHeight()
        return plan.losses(goingDownFrom: height, to: try plan.height(of: target, from: height, going: .down))
    }

    /// The SQL that `migrate` would run, as a script for the database's own shell.
    ///
    /// This runs none of it.
    package func script(
        _ direction: MigrationPlan.Direction,
        to target: MigrationTarget
    ) async throws -> String {
        var height = try await currentHeight()
        let goal = try plan.height(of: target, from: height, going: direction)
        var script = VersionTable.create + "\n"
        while let step = plan.nextStep(from: height, to: goal) {
            script += "\n-- \(step.migration.revision) \(step.migration.summary)\nBEGIN;\n\n\(step.script)\n\nCOMMIT;\n"
            height += step.goesUp ? 1 : -1
        }
        return script
    }

    /// Records the target as the current revision without running any script.
    ///
    /// - Parameter force: Whether to record it even if the schema does not match it.
    /// - Returns: The recorded revision.
    @discardableResult
    package func stamp(_ target: MigrationTarget, force: Bool = false) async throws -> String {
        try await database.withExclusiveTransaction(onWait: {}) { [plan] transaction in
            let height = try plan.height(of: target, from: 0, going: .up)
            if !force {
                try plan.requireExactSchema(
                    atHeight: height,
                    among: transaction.schemaObjects(of: plan.tables)
                )
            }
            try transaction.execute(VersionTable.deleteAll)
            for migration in plan.migrations.prefix(height) {
                let checksum = migration.scripts(for: plan.database).checksum
                try transaction.execute(
                    VersionTable.insert(AppliedMigration(revision: migration.revision, checksum: checksum))
                )
            }
            return plan.name(ofHeight: height)
        }
    }

    /// The newest revision in this program.
    package var headRevision: String {
        plan.head
    }

    /// The newest applied revision; `base` if there is none.
    package func currentRevision() async throws -> String {
        plan.name(ofHeight: try await currentHeight())
    }

    /// Checks that every migration is applied and that the schema matches.
    ///
    /// - Throws: `MigrationError` if not.
    package func check() async throws {
        try await database.read { [plan] catalog in
            let height = try plan.height(of: catalog.appliedMigrations())
            guard height == plan.migrations.count else {
                throw MigrationError.databaseIsBehind(current: plan.name(ofHeight: height), head: plan.head)
            }
            try plan.requireSchema(atHeight: height, among: catalog.schemaObjects(of: plan.tables))
        }
    }

    private func currentHeight() async throws -> Int {
        try await database.read { [plan] catalog in try plan.height(of: catalog.appliedMigrations()) }
    }

    /// Performs the next step; nil if none is left.
    ///
    /// Another process may have migrated meanwhile, even past the goal, so this decides under the lock.
    private func performStep(
        _ direction: MigrationPlan.Direction,
        towards goal: Int,
        onWait: @Sendable () -> Void
    ) async throws -> MigrationStep? {
        try await database.withExclusiveTransaction(onWait: onWait) { [plan] transaction in
            let height = try plan.height(of: transaction.appliedMigrations())
            if direction == .up {
                try plan.requireExactSchema(atHeight: height, among: transaction.schemaObjects(of: plan.tables))
            }
            guard direction == .up ? height < goal : height > goal,
                let step = plan.nextStep(from: height, to: goal)
            else { return nil }
            try transaction.execute(step.script)
            return step
        }
    }
}
