/// Moves a database's schema, one migration a transaction.
///
/// Each step reads anew, inside its own exclusive transaction, what has been applied: any number of processes may run at
/// once and each migration is applied once; a process that is killed leaves the schema at the last whole step.
package struct MigrationRunner: Sendable {
    private let database: any MigrationDatabase
    private let plan: MigrationPlan

    package init(_ database: any MigrationDatabase, migrations: [Migration] = Migration.all) {
        self.database = database
        plan = MigrationPlan(migrations, for: database.kind)
    }

    /// Takes the schema to the target and reports each step after it is committed.
    ///
    /// An upgrade starts from, and ends at, a schema that is what its revision says.
    ///
    /// - Parameter onWait: Called when other sessions keep the tables locked, once a step.
    /// - Returns: How many steps it took.
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

    /// What a downgrade to the target erases, in words that complete "this erases …".
    package func losses(goingDownTo target: MigrationTarget) async throws -> [String] {
        let height = try await currentHeight()
        return plan.losses(goingDownFrom: height, to: try plan.height(of: target, from: height, going: .down))
    }

    /// What `migrate` would run, as a script for a database's own shell.
    ///
    /// Runs nothing.
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

    /// Records the schema as being at the target without running any script.
    ///
    /// - Parameter force: Also if the schema is not that of the target.
    /// - Returns: The revision.
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

    /// The newest revision that this program knows.
    package var headRevision: String {
        plan.head
    }

    /// The revision that the schema is at, `base` for none.
    package func currentRevision() async throws -> String {
        plan.name(ofHeight: try await currentHeight())
    }

    /// Returns when the schema is exactly what this program was built for.
    ///
    /// - Throws: `MigrationError` that says what is wrong with it.
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

    /// Another process may have gone on, even past the goal: what is left to do is decided under the lock.
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
