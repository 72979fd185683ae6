import ChatClient
import ChatTestSupport
import Foundation
import Testing

struct FileStoreTests {
    @Test func `values are there for the next process`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/client.json"
            let store = try FileStore(path: path)
            try await store.set("a", to: "1")
            try await store.set("b", to: "2")
            try await store.set("a", to: nil)
            let next = try FileStore(path: path)
            #expect(await next.get("a") == nil)
            #expect(await next.get("b") == "2")
        }
    }

    @Test func `the last of many changes is stored`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/client.json"
            let store = try FileStore(path: path)
            try await withThrowingTaskGroup { group in
                for number in 1...50 { group.addTask { try await store.set("\(number)", to: "x") } }
                try await group.waitForAll()
            }
            let values = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: URL(filePath: path)))
            #expect(values.count == 50)
        }
    }

    @Test func `a damaged file is reported`() async throws {
        try await withTemporaryFolder { folder in
            try Data("{".utf8).write(to: URL(filePath: folder + "/client.json"))
            #expect(throws: (any Error).self) { try FileStore(path: folder + "/client.json") }
        }
    }
}
