/// Decides which migrations lead from the current revision to a target.
///
/// A height is a number of applied migrations: 0 at `base`. A plan is a pure value without I/O.
package struct MigrationPlan: Sendable {
    /// Every migration, in order of application, with ascending revisions; never empty.
    package let migrations: [Migration]
    /// The database whose scripts the plan uses.
    package let database: DatabaseKind

    /// - Parameter migrations: In order of application, with ascending revisions; not empty.
    package init(_ migrations: [Migration] = Migration.all, for database: DatabaseKind) {
        self.migrations = migrations
        self.database = database
    }

    /// Whether migrations are applied or reverted.
    package enum Direction: Sendable {
        case up
        case down
    }

    /// The newest revision in this program.
    package var head: String {
        name(ofHeight: migrations.count)
    }

    /// The number of applied migrations.
    ///
    /// - Throws: `MigrationError` unless the applied migrations are the first ones of the plan, unedited.
    package func height(of applied: [AppliedMigration]) throws(MigrationError) -> Int {
        for (index, entry) in applied.enumerated() {
            guard let known = migrations.firstIndex(where: { $0.revision == entry.revision }) else {
                throw .databaseIsNewer(revision: entry.revision)
            }
            guard known == index else {
                throw .migrationIsMissing(revision: migrations[index].revision)
            }
            guard migrations[index].scripts(for: database).checksum == entry.checksum else {
                throw .migrationWasEdited(revision: entry.revision)
            }
        }
        return applied.count
    }

    /// The number of migrations that are applied at the target.
    ///
    /// - Throws: `MigrationError` if the target is unknown, out of range or in the other direction.
    package func height(
        of target: MigrationTarget,
        from current: Int,
        going direction: Direction
    ) throws(MigrationError) -> Int {
        let height: Int
        switch target {
        case .head: height = migrations.count
        case .base: height = 0
        case .relative(let steps):
            let (sum, isBeyond) = current.addingReportingOverflow(steps)
            guard !isBeyond, (0...migrations.count).contains(sum) else {
                throw .tooManySteps(steps, available: steps > 0 ? migrations.count - current : current)
            }
            height = sum
        case .revision(let revision):
            guard let index = migrations.firstIndex(where: { $0.revision == revision }) else {
                throw .unknownRevision(revision)
            }
            height = index + 1
        }
        guard direction == .up ? height >= current : height <= current else {
            throw .wrongDirection(target: name(ofHeight: height), current: name(ofHeight: current))
        }
        return height
    }

    /// Throws `MigrationError.schemaDiffers` unless the schema contains everything that the revision at `height` needs.
    package func requireSchema(atHeight height: Int, among objects: Set<String>) throws(MigrationError) {
        let missing = schema(atHeight: height).subtracting(objects)
        guard missing.isEmpty else {
            throw .schemaDiffers(revision: name(ofHeight: height), missing: missing.sorted())
        }
    }

    /// Throws unless the schema contains everything of the revision at `height` and does not match a later revision.
    package func requireExactSchema(atHeight height: Int, among objects: Set<String>) throws(MigrationError) {
        try requireSchema(atHeight: height, among: objects)
        let own = schema(atHeight: height)
        for later in (height..<migrations.count).map({ $0 + 1 }).reversed() {
            let schema = schema(atHeight: later)
            if schema.isSubset(of: objects), !schema.isSubset(of: own) {
                throw .schemaIsLater(revision: name(ofHeight: height), actual: name(ofHeight: later))
            }
        }
    }

    /// The names of the tables in any revision's schema.
    package var tables: Set<String> {
        Set(migrations.flatMap { $0.scripts(for: database).schema }.map { String($0.prefix { $0 != ":" }) })
    }

    private func schema(atHeight height: Int) -> Set<String> {
        height == 0 ? [] : migrations[height - 1].scripts(for: database).schema
    }

    /// The data that a downgrade erases, in words that complete "this erases …".
    package func losses(goingDownFrom height: Int, to target: Int) -> [String] {
        migrations[target..<height].reversed().compactMap { $0.scripts(for: database).erases }
    }

    /// The next step from `height` towards `target`; nil if they are equal.
    package func nextStep(from height: Int, to target: Int) -> MigrationStep? {
        if height == target { return nil }
        let goesUp = height < target
        let migration = migrations[goesUp ? height : height - 1]
        let scripts = migration.scripts(for: database)
        let record =
            goesUp
            ? VersionTable.insert(AppliedMigration(revision: migration.revision, checksum: scripts.checksum))
            : VersionTable.delete(revision: migration.revision)
        return MigrationStep(
            migration: migration,
            goesUp: goesUp,
            script: (goesUp ? scripts.up : scripts.down) + "\n\n" + record
        )
    }

    /// The revision at a height: `base` at 0.
    package func name(ofHeight height: Int) -> String {
        height == 0 ? "base" : migrations[height - 1].revision
    }
}

/// One migration in one direction.
package struct MigrationStep: Sendable {
    package let migration: Migration
    /// Whether the step applies the migration rather than reverting it.
    package let goesUp: Bool
    /// The migration's script, followed by the change to the version table.
    package let script: String
}
