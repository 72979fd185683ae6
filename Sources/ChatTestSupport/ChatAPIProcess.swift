import Foundation
package import Subprocess
import SystemPackage

/// Runs the program as a user does, in its own process.
package enum ChatAPIProcess {
    /// The exit status and output of a finished process.
    package struct Outcome: Sendable {
        /// The exit code; the negated signal number if a signal ended the process.
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// Runs a command until it ends.
    ///
    /// - Parameters:
    ///   - folder: The working directory, for `.env` and relative paths.
    ///   - environment: The complete environment: nothing is inherited.
    ///   - input: The contents of standard input.
    package static func run(
        _ arguments: String...,
        in folder: String,
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Outcome {
        try await run(arguments: arguments, in: folder, environment: environment, input: input)
    }

    /// The same with the arguments in an array.
    package static func run(
        arguments: [String],
        in folder: String,
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Outcome {
        try await run(configuration(arguments, in: folder, environment), input: input)
    }

    /// Runs a bash script in which `$0` is the program.
    package static func run(
        script: String,
        in folder: String,
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        var configuration = configuration(["-c", script, program.string], in: folder, environment)
        configuration.executable = .path("/bin/bash")
        return try await run(configuration)
    }

    private static func run(_ configuration: Configuration, input: String = "") async throws -> Outcome {
        // A file, not a pipe: if a process ends without reading its pipe, Subprocess terminates the tests.
        try await withTemporaryFolder { inputFolder in
            let file = FilePath(inputFolder).appending("input")
            try Data(input.utf8).write(to: URL(filePath: file.string))
            let result = try await Subprocess.run(
                configuration,
                input: .fileDescriptor(try .open(file, .readOnly), closeAfterSpawningProcess: true),
                output: .string(limit: 1 << 20),
                error: .string(limit: 1 << 20)
            )
            return Outcome(
                status: result.terminationStatus.code,
                output: result.standardOutput,
                errors: result.standardError
            )
        }
    }

    /// Runs a command and kills it with SIGKILL when `moment` returns.
    package static func kill(
        _ arguments: String...,
        in folder: String,
        environment: [String: String],
        at moment: () async throws -> Void
    ) async throws -> Outcome {
        let result = try await Subprocess.run(
            configuration(arguments, in: folder, environment),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            try await moment()
            try execution.send(signal: .kill)
        }
        return Outcome(status: result.terminationStatus.code, output: "", errors: "")
    }

    /// Runs a server on a free port during `body`, then sends it `signal` and waits until it ends.
    package static func serve(
        _ arguments: String...,
        in folder: String,
        environment: [String: String] = [:],
        openFiles: Int? = nil,
        endingWith signal: Signal = .terminate,
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws -> Outcome {
        try await serve(
            arguments: arguments,
            in: folder,
            environment: environment,
            openFiles: openFiles,
            endingWith: signal,
            body
        )
    }

    /// The same with the arguments in an array.
    ///
    /// - Parameter openFiles: The hard limit on the server's open files; nil for that of the tests.
    package static func serve(
        arguments: [String],
        in folder: String,
        environment: [String: String] = [:],
        openFiles: Int? = nil,
        endingWith signal: Signal = .terminate,
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws -> Outcome {
        let result = try await Subprocess.run(
            configuration(["serve", "--port", "0"] + arguments, in: folder, environment, openFiles: openFiles),
            input: .none,
            output: .discarded,
            error: .sequence
        ) { execution in
            var lines = execution.standardError.strings().makeAsyncIterator()
            var log = ""
            while let line = try await lines.next() {
                log += line + "\n"
                if let match = line.firstMatch(of: /listens on http:\/\/\S+:(\d+)/), let port = Int(match.output.1) {
                    let process = Int32(execution.processIdentifier.value)
                    try await body(HTTPTestClient(port: port, processID: process))
                    try execution.send(signal: signal)
                }
            }
            return log
        }
        return Outcome(status: result.terminationStatus.code, output: "", errors: result.closureResult)
    }

    private static var program: FilePath {
        FilePath(CommandLine.arguments[0]).removingLastComponent().appending("chat-api")
    }

    private static func configuration(
        _ arguments: [String],
        in folder: String,
        _ environment: [String: String],
        openFiles: Int? = nil
    ) -> Configuration {
        var program = program
        var arguments = arguments
        if let openFiles {
            arguments = ["-c", "ulimit -n \(openFiles); exec \"$0\" \"$@\"", program.string] + arguments
            program = "/bin/sh"
        }
        return Configuration(
            executable: .path(program),
            arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })
            ),
            workingDirectory: FilePath(folder)
        )
    }
}

extension TerminationStatus {
    fileprivate var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): -signal
        }
    }
}
