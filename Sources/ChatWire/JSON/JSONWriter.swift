package import ChatDomain

/// Writes JSON as bytes, with members in the order of the calls.
///
/// Strings are escaped only where RFC 8259 requires it: other scripts, `/` and markup stay as they are.
package struct JSONWriter {
    /// The text written so far.
    ///
    /// An array is written in place; each write to a `ByteBuffer` costs a check of its own.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// - Parameter capacity: Bytes reserved at first; the text may be longer.
    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// Writes an object.
    ///
    /// - Parameter members: Writes its members; names must not repeat.
    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    /// Writes an array.
    ///
    /// - Parameter write: Writes exactly one JSON value per element.
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
    /// - Parameter name: A name that needs no escapes.
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

    /// Writes a member with any name, escaped as needed.
    package mutating func member(named name: String, _ value: some JSONWritable) {
        escapedName(name)
        value.write(to: &self)
    }

    /// Writes the members of an object into the current object; their names must not repeat.
    package mutating func members(of object: Metadata) {
        let members = object.json.utf8.dropFirst().dropLast()
        if !members.isEmpty {
            scalar { $0.append(contentsOf: members) }
        }
    }

    /// Writes an element of the current array, or the only value of the text.
    package mutating func value(_ value: some JSONWritable) {
        value.write(to: &self)
    }

    /// Writes a JSON value that was written before, as an element or as the value of a member.
    package mutating func raw(_ json: [UInt8]) {
        scalar { $0.append(contentsOf: json) }
    }

    /// Writes `null` as an element or as the value of a member.
    package mutating func null() {
        scalar { $0.append("null" as StaticString) }
    }

    /// Ends a line of newline-delimited JSON.
    package mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Discards the text and keeps the capacity.
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
