import ChatMigrations
import Testing

@Suite struct MigrationPlanTests {
    private let plan = MigrationPlan(.three, for: .sqlite)

    private func applied(_ count: Int) -> [AppliedMigration] {
        plan.migrations.prefix(count).map {
            AppliedMigration(revision: $0.revision, checksum: $0.scripts(for: .sqlite).checksum)
        }
    }

    @Test(arguments: 0...3)
    func `the height is the number of applied migrations`(_ count: Int) throws {
        #expect(try plan.height(of: applied(count)) == count)
    }

    @Test func `a newer program's migration is named in the error`() {
        let newer = applied(3) + [AppliedMigration(revision: "0004", checksum: "")]
        #expect(throws: MigrationError.databaseIsNewer(revision: "0004")) { try plan.height(of: newer) }
    }

    @Test func `an edited migration is named in the error`() {
        let edited = applied(1) + [AppliedMigration(revision: "0002", checksum: "0000000000000000")]
        #expect(throws: MigrationError.migrationWasEdited(revision: "0002")) { try plan.height(of: edited) }
    }

    @Test func `a missing migration is named in the error`() {
        let gap = [applied(3)[0], applied(3)[2]]
        #expect(throws: MigrationError.migrationIsMissing(revision: "0002")) { try plan.height(of: gap) }
    }

    @Test func `targets are parsed as Alembic parses them`() {
        let texts = ["head", "base", "+2", "-1", "0001"]
        let targets: [MigrationTarget] = [.head, .base, .relative(2), .relative(-1), .revision("0001")]
        #expect(texts.map(MigrationTarget.init) == targets)
        for text in ["", "+", "-", "+0", "-0", "+x", "--sql", "+1.5"] {
            #expect(MigrationTarget(text) == nil, "\(text)")
        }
    }

    @Test func `targets resolve to heights`() throws {
        #expect(try plan.height(of: .head, from: 1, going: .up) == 3)
        #expect(try plan.height(of: .relative(1), from: 1, going: .up) == 2)
        #expect(try plan.height(of: .revision("0002"), from: 1, going: .up) == 2)
        #expect(try plan.height(of: .relative(-2), from: 3, going: .down) == 1)
        #expect(try plan.height(of: .base, from: 3, going: .down) == 0)
        #expect(try plan.height(of: .head, from: 3, going: .up) == 3)
    }

    @Test func `the error for an unreachable target gives the reason`() {
        #expect(throws: MigrationError.tooManySteps(3, available: 2)) {
            try plan.height(of: .relative(3), from: 1, going: .up)
        }
        #expect(throws: MigrationError.tooManySteps(-2, available: 1)) {
            try plan.height(of: .relative(-2), from: 1, going: .down)
        }
        for (steps, direction) in [(Int.max, MigrationPlan.Direction.up), (Int.min, .down)] {
            #expect(throws: MigrationError.self) { try plan.height(of: .relative(steps), from: 2, going: direction) }
        }
        #expect(throws: MigrationError.unknownRevision("9999")) {
            try plan.height(of: .revision("9999"), from: 1, going: .up)
        }
        #expect(throws: MigrationError.wrongDirection(target: "0001", current: "0002")) {
            try plan.height(of: .revision("0001"), from: 2, going: .up)
        }
        #expect(throws: MigrationError.wrongDirection(target: "0003", current: "0002")) {
            try plan.height(of: .head, from: 2, going: .down)
        }
    }

    @Test func `released migrations have not changed`() {
        let released = Migration.all.map { migration in
            [migration.revision] + DatabaseKind.allCases.map { migration.scripts(for: $0).checksum }
        }
        #expect(
            released == [
                ["0001", "b4c90c44965a9818", "bf81112c0fe07b84"],
                ["0002", "6e2ee42ce5d07217", "26c64f3c82fddb27"],
                ["0003", "6e341b16758d3c2d", "32dffd32412a1381"],
                ["0004", "2dc7e7bc9801cb24", "6044ebae7f84850e"],
            ]
        )
    }
}

extension [Migration] {
    static let three = (1...3).map { number in
        Migration(
            revision: "000\(number)",
            summary: "create table t\(number)",
            sqlite: Migration.Scripts(
                up: "CREATE TABLE t\(number) (a INTEGER); INSERT INTO t\(number) VALUES (\(number));",
                down: "DROP TABLE t\(number);"
            ),
            postgresql: Migration.Scripts(
                up: "CREATE TABLE t\(number) (a INTEGER); INSERT INTO t\(number) VALUES (\(number));",
                down: "DROP TABLE t\(number);"
            )
        )
    }
}
