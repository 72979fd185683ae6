import Dispatch
import SystemPackage

/// An open file or pipe, with a dispatch queue for its blocking reads and writes.
final class ByteStream: Sendable {
    /// The size of one read, in bytes.
    private static let readSize = 1 << 18

    private let descriptor: FileDescriptor
    private let queue = DispatchQueue(label: "chat-api.stream")

    init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    /// Reads the next bytes; empty at the end of the file.
    func read() async throws -> [UInt8] {
        try await perform { descriptor in
            try [UInt8](unsafeUninitializedCapacity: Self.readSize) { buffer, count in
                count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        try await perform { _ = try $0.writeAll(bytes) }
    }

    func close() async throws {
        try await perform { try $0.close() }
    }

    /// How many bytes are left to read; nil for a pipe or any other stream that cannot seek.
    func remainingBytes() async -> Int64? {
        try? await perform { descriptor in
            let position = try descriptor.seek(offset: 0, from: .current)
            let end = try descriptor.seek(offset: 0, from: .end)
            try descriptor.seek(offset: position, from: .start)
            return end - position
        }
    }

    private func perform<Result: Sendable>(
        _ body: @Sendable @escaping (FileDescriptor) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [descriptor] in
                continuation.resume(with: Swift.Result { try body(descriptor) })
            }
        }
    }
}
