import ChatTestSupport
import Foundation
import Testing

/// Requests and responses recorded from the service that this one replaces.
///
/// A response may contain more than the recorded one, except in `detail`: members of a body, methods in `Allow`.
@Suite struct RecordedContractTests {
    private static func cases() throws -> [RecordedCase] {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/contract", withExtension: "json"))
        return try JSONDecoder().decode([RecordedCase].self, from: Data(contentsOf: url))
    }

    @Test(.timeLimit(.minutes(5)), arguments: StoreUnderTest.allCases)
    func `every recorded request gets the recorded response`(_ store: StoreUnderTest) async throws {
        let cases = try Self.cases()
        #expect(cases.count == 99)
        try await withServer(on: store) { client in
            for recorded in cases {
                let response = try await client.send(recorded.method, recorded.path, body: recorded.body)
                let comment = Comment("\(recorded.method) \(recorded.path.prefix(80)): \(recorded.about)")
                #expect(response.status == recorded.answer.status, comment)
                #expect((response.headers["content-type"] ?? "") == recorded.answer.type, comment)
                #expect(response.allow.isSuperset(of: recorded.answer.allow), comment)
                #expect(try response.json.masked.holds(recorded.answer.body), comment)
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `without the required credential, every recorded request is rejected`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            try await access.withServer { client in
                for recorded in try Self.cases() {
                    let response = try await client.send(recorded.method, recorded.path, body: recorded.body)
                    let comment = Comment("\(recorded.method) \(recorded.path.prefix(80)): \(recorded.about)")
                    #expect(response.status == 401, comment)
                    #expect(response.text == #"{"detail":"The request has no credential.","code":"token_missing"}"#)
                    #expect(response.headers["www-authenticate"] == "Bearer", comment)
                }
            }
        }
    }
}

private struct RecordedCase: Decodable {
    let about: String
    let method: String
    let path: String
    let body: String?
    let answer: Answer

    struct Answer: Decodable {
        let status: Int
        let type: String
        let allow: [String]
        let body: JSON
    }
}

extension HTTPTestResponse {
    fileprivate var allow: Set<String> {
        Set((headers["allow"] ?? "").components(separatedBy: ", "))
    }
}

extension JSON {
    /// Without timestamps, and without where and why a parser gave up.
    fileprivate var masked: JSON {
        switch self {
        case .array(let elements): return .array(elements.map(\.masked))
        case .object(let members) where members["type"] == "json_invalid":
            return ["type": "json_invalid", "loc": .array(Array(members["loc"]?.elements.prefix(1) ?? []))]
        case .object(let members):
            let pairs = members.map { key, value in
                (key, key == "created_at" && value.isInstant ? "<instant>" : value.masked)
            }
            return .object(Dictionary(uniqueKeysWithValues: pairs))
        default: return self
        }
    }

    private var isInstant: Bool {
        string?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil
    }

    /// Whether this is `expected`, or `expected` with more members in its objects; `detail` must match exactly.
    fileprivate func holds(_ expected: JSON) -> Bool {
        switch (self, expected) {
        case (.object(let got), .object(let want)):
            want.allSatisfy { key, value in
                got[key].map { $0 == value || (key != "detail" && $0.holds(value)) } ?? false
            }
        case (.array(let got), .array(let want)):
            got.count == want.count && zip(got, want).allSatisfy { $0.holds($1) }
        default:
            self == expected
        }
    }
}
