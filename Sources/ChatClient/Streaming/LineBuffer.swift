package import Foundation

/// Splits the chunks of a stream into lines.
///
/// Empty lines, which are heartbeats, are left out.
package struct LineBuffer {
    private var rest = Data()

    package init() {}

    /// Returns the lines that are complete now.
    package mutating func append(_ chunk: some Sequence<UInt8>) -> [Data] {
        rest.append(contentsOf: chunk)
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Data(lines.removeLast())
        return lines.filter { !$0.isEmpty }
    }
}
