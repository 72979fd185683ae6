import ChatTestSupport
import Testing

@Suite struct ArchitectureTests {
    @Test func `the architecture page shows what each target imports`() throws {
        let targets = try PackageFile.read("Package.swift")
            .matches(of: /\.(?:target|executableTarget)\(\s*name: "(\w+)"(?:,\s*dependencies: \[([^\]]*)\])?/)
            .map { (name: String($0.output.1), imports: $0.output.2.map(targetNames) ?? []) }
        let tools: Set = ["ChatTestSupport", "ClientDriver", "ConstantServer", "EchoServer", "SwiftBackend"]
        let declared = Dictionary(uniqueKeysWithValues: targets.filter { !tools.contains($0.name) })

        let page = try PackageFile.read("docs/architecture.md")
        let diagram = try #require(page.firstMatch(of: /```text\n((?:.|\n)*?)```/)).output.1
        var drawn: [String: Set<String>] = [:]
        for line in diagram.replacing(/\n +/, with: " ").split(separator: "\n") {
            if let arrow = line.firstMatch(of: /^(\w+) +→ ([\w ]+)/) {
                drawn[String(arrow.output.1)] = Set(arrow.output.2.split(separator: " ").map(String.init))
            } else if let without = line.wholeMatch(of: /([\w, ]+) import none of our targets/) {
                for name in without.output.1.split(separator: ", ") {
                    drawn[String(name)] = []
                }
            }
        }
        #expect(drawn == declared)
    }

    private func targetNames(in dependencies: Substring) -> Set<String> {
        Set(dependencies.matches(of: /"(\w+)"/).map { String($0.output.1) })
    }
}
