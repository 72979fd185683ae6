import ChatDomain
import GRDB

extension Statement {
    /// The index of the first column with a name, in lower case.
    ///
    /// Look it up once per statement: to look for a name in every row costs more than to read the value.
    func column(_ name: String) throws -> Int {
        guard let index = index(ofColumn: name) else { throw StoreError.failed(reason: "there is no column \(name)") }
        return index
    }
}

extension Metadata {
    /// The column's constraint limits the length.
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
