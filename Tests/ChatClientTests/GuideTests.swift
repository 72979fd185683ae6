import ChatTestSupport
import Testing

struct GuideTests {
    @Test func `the samples of the guide compile`() throws {
        let samples = lines(of: try PackageFile.read("Tests/ChatClientTests/GuideSamples.swift"))
        let guide = try PackageFile.read("docs/clients.md").split(separator: "\n## Swift\n")[1]
        let blocks = guide.matches(of: /```swift\n((?:.|\n)*?)```/).map(\.output.1)
            // The manifest of the reader's own package.
            .filter { !$0.hasPrefix("dependencies") }
        #expect(blocks.count == 7)
        for block in blocks {
            #expect(samples.contains(lines(of: String(block))), "\(block)")
        }
    }

    /// The lines without indentation, since the samples are within functions.
    private func lines(of text: String) -> [Substring] {
        text.split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }
            .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
    }
}
