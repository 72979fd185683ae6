import ChatTestSupport
import Foundation
import Subprocess
import Testing

/// The settings for TLS; `Checks/TLS` tries what a server does with them.
@Suite(.timeLimit(.minutes(5)))
struct TLSTests {
    @Test(arguments: [
        ("--tls-certificate", "--tls-key"), ("--tls-key", "--tls-certificate"),
    ])
    func `one file without the other is an error`(_ given: String, _ missing: String) async throws {
        try await withTemporaryFolder { folder in
            for command in ["serve", "healthcheck"] {
                let outcome = try await ChatAPIProcess.run(command, "\(given)=file.pem", in: folder)
                #expect(outcome.status == 1)
                #expect(outcome.errors == "Error: \(given) needs \(missing)\n")
            }
        }
    }

    @Test func `a file that cannot be used is an error that names it`() async throws {
        try await withTemporaryFolder { folder in
            _ = try await TestCertificate(in: folder, name: "one")
            _ = try await TestCertificate(in: folder, name: "two")
            let encrypted = try await Subprocess.run(
                .name("openssl"),
                arguments: [
                    "pkey", "-aes256", "-passout", "pass:secret", "-in", "\(folder)/one.key",
                    "-out", "\(folder)/encrypted.key",
                ],
                output: .discarded,
                error: .discarded
            )
            #expect(encrypted.terminationStatus.isSuccess)
            let cases = [
                ("gone.pem", "one.key", "gone.pem for TLS: No such file or directory (see --tls-certificate)"),
                ("one.pem", "gone.key", "gone.key for TLS: No such file or directory (see --tls-key)"),
                ("one.key", "one.key", "one.key for TLS: it has no PEM certificate (see --tls-certificate, --tls-key)"),
                (
                    "one.pem", "one.pem",
                    "one.pem for TLS: it has no unencrypted PEM private key (see --tls-certificate, --tls-key)"
                ),
                (
                    "one.pem", "encrypted.key",
                    "encrypted.key for TLS: it has no unencrypted PEM private key (see --tls-key)"
                ),
                ("one.pem", "two.key", "two.key for TLS: it is not the key of the first certificate (see --tls-key)"),
            ]
            for (certificate, key, message) in cases {
                let outcome = try await ChatAPIProcess.run(
                    "serve",
                    "--tls-certificate=\(certificate)",
                    "--tls-key=\(key)",
                    in: folder
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors == "Error: cannot use \(message)\n")
            }
        }
    }
}
