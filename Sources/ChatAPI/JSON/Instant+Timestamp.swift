package import ChatDomain

extension Instant {
    /// Reads what `appendTimestamp` writes, `2026-11-23T09:00:00.000000Z`; nil for any other form and for days that no
    /// calendar has.
    package init?(timestamp: String) {
        var numbers: [Int64] = []
        for field in timestamp.utf8.split(whereSeparator: { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            guard let number = Int64(String(decoding: field, as: UTF8.self)) else { return nil }
            numbers.append(number)
        }
        guard timestamp.utf8.count == 27, numbers.count == 7, (1...12).contains(numbers[1]) else { return nil }
        let days = CivilDate.daysSinceEpoch(year: numbers[0], month: numbers[1], day: numbers[2])
        let seconds = ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]
        self.init(microsecondsSinceEpoch: seconds * 1_000_000 + numbers[6])
        // What is no date, or is in another form, would be written differently.
        var written: [UInt8] = []
        written.appendTimestamp(self)
        guard written.elementsEqual(timestamp.utf8) else { return nil }
    }
}
