/// Writes JSON as bytes, with members in the order in which they are written.
///
/// Strings are escaped only where RFC 8259 requires it: other scripts, `/` and markup stay as they are.
package struct JSONWriter {
    // An array's bytes are written in place; each write to a `ByteBuffer` costs a check of its own.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func array<Element>(
        _ elements: some Sequence<Element>,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        open(UInt8(ascii: "["))
        for element in elements {
            write(&self, element)
        }
        close(UInt8(ascii: "]"))
    }

    /// Writes a member of the current object; nil becomes `null`.
    ///
    /// - Parameter name: Must need no escaping.
    package mutating func member(_ name: StaticString, _ value: some JSONWritable) {
        self.name(name)
        value.write(to: &self)
    }

    /// Writes a member of the current object, or nothing if the value is nil.
    package mutating func member(_ name: StaticString, ifPresent value: (some JSONWritable)?) {
        if let value {
            member(name, value)
        }
    }

    /// Writes a member of the current object.
    ///
    /// - Parameter write: Writes one JSON value.
    package mutating func member(_ name: StaticString, _ write: (inout JSONWriter) -> Void) {
        self.name(name)
        write(&self)
    }

    /// Writes a member with any name, which is escaped.
    package mutating func member(named name: String, _ value: some JSONWritable) {
        escapedName(name)
        value.write(to: &self)
    }

    /// Writes an element of the current array, or the only value of the text.
    package mutating func value(_ value: some JSONWritable) {
        value.write(to: &self)
    }

    package mutating func null() {
        scalar { $0.append("null" as StaticString) }
    }

    /// Ends a line of newline-delimited JSON.
    package mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Discards what has been written and keeps the capacity.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// - Parameter append: Appends the text of a value that is neither an object nor an array.
    mutating func scalar(_ append: (inout [UInt8]) -> Void) {
        separate()
        append(&bytes)
        needsComma = true
    }

    private mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func escapedName(_ name: String) {
        separate()
        bytes.appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma {
            bytes.append(UInt8(ascii: ","))
        }
    }
}
