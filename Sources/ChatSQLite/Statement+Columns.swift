import ChatDomain
import GRDB

extension Statement {
    /// The index of the first column with this lowercase name.
    ///
    /// Look it up once per statement: a lookup in every row costs more than reading the value.
    func column(_ name: String) throws -> Int {
        guard let index = index(ofColumn: name) else { throw StoreError.failed(reason: "there is no column \(name)") }
        return index
    }
}

extension Metadata {
    /// Wraps a column's JSON; nil for NULL.
    ///
    /// A constraint on the column limits its length.
    init?(stored json: String?) {
        guard let json else { return nil }
        self.init(json: json)
    }
}

extension Instant {
    init?(stored microseconds: Int64?) {
        guard let microseconds else { return nil }
        self.init(microsecondsSinceEpoch: microseconds)
    }
}

extension MessageID {
    init?(stored id: Int64?) {
        guard let id else { return nil }
        self.init(rawValue: id)
    }
}

extension IdempotencyKey {
    init?(column text: String?) {
        guard let text else { return nil }
        self.init(stored: text)
    }
}

extension [ChatID] {
    /// The ids as the argument of `json_each`.
    var json: String {
        "[\(map { String($0.rawValue) }.joined(separator: ","))]"
    }
}
