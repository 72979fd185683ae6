import Hashing

/// The header `traceparent` of a request that is part of a trace (W3C Trace Context, version 00 and later ones).
///
/// The log lines of the request name the trace, and requests to webhooks' receivers continue it.
package struct TraceParent: Hashable, Sendable {
    /// 32 hexadecimal digits in lower case.
    package let traceID: String
    /// Two hexadecimal digits, of which a caller passes only the sampling flag on.
    private let flags: String

    /// Nil if the text is not valid: such a header must be ignored.
    package init?(_ text: String) {
        let fields = text.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count >= 4, fields[0].isHexadecimal(2), fields[0] != "ff",
            // Version 00 ends with the flags; later versions may add fields.
            fields.count == 4 || fields[0] != "00",
            fields[1].isHexadecimal(32), fields[1].contains(where: { $0 != "0" }),
            fields[2].isHexadecimal(16), fields[2].contains(where: { $0 != "0" }),
            fields[3].isHexadecimal(2)
        else { return nil }
        traceID = String(fields[1])
        let isSampled = UInt8(fields[3], radix: 16).map { $0 & 1 == 1 } ?? false
        flags = isSampled ? "01" : "00"
    }

    /// The header of a request that this one causes, as a new span of the trace.
    package func child(spanID: UInt64 = .random(in: 1 ... .max)) -> String {
        "00-\(traceID)-\(spanID.hexadecimal)-\(flags)"
    }
}

extension Substring {
    fileprivate func isHexadecimal(_ length: Int) -> Bool {
        utf8.count == length && utf8.allSatisfy(\.isLowercaseHexadecimal)
    }
}
