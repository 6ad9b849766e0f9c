// What gRPC's reasons for a connection that was not made mean.

#include "certs/connect_failure.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace mirror::connect_failure_test {
namespace {

TEST(ConnectFailureTest, AReasonIsReadFromItsLastWords) {
  EXPECT_EQ(ConnectReason("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7444: "
                          "Failed to connect to remote host: Connection refused"),
            "ipv4:127.0.0.1:7444: Failed to connect to remote host: Connection refused");
  EXPECT_EQ(ConnectReason("last error: UNAVAILABLE: x"), "UNAVAILABLE: x");
  EXPECT_EQ(ConnectReason("DNS resolution failed for x"), "DNS resolution failed for x");
}

TEST(ConnectFailureTest, WhatIsToBeMendedIsToldApart) {
  for (const auto& [reason, meant] : {
           std::pair("Connection refused", ConnectFailure::kNobody),
           std::pair("No route to host", ConnectFailure::kNobody),
           std::pair("connection attempt timed out", ConnectFailure::kNobody),
           std::pair("SSL_ERROR_SSL: error:0A00010B:SSL routines::wrong version number",
                     ConnectFailure::kNoTls),
           std::pair("routines:OPENSSL_internal:HTTP_REQUEST", ConnectFailure::kNoTls),
           std::pair("SSL routines::certificate verify failed", ConnectFailure::kCertificate),
           std::pair("SSL_routines:CERTIFICATE_VERIFY_FAILED", ConnectFailure::kCertificate),
           std::pair("Peer name 10.0.0.7 is not in peer certificate", ConnectFailure::kCertificate),
           std::pair("Hostname Verification Check failed.", ConnectFailure::kCertificate),
           std::pair("Ssl handshake failed: TLSV1_ALERT_UNKNOWN_CA", ConnectFailure::kHandshake),
           std::pair("handshaker shutdown", ConnectFailure::kHandshake),
           std::pair("Socket closed", ConnectFailure::kClosed),
           std::pair("Ssl handshake: Connection reset by peer", ConnectFailure::kClosed),
       }) {
    EXPECT_EQ(ConnectFailureIn(reason), meant) << reason;
  }
}

TEST(ConnectFailureTest, AHostThatIsCalledLikeAReasonIsNone) {
  EXPECT_EQ(ConnectFailureIn("tls-hostname.example:7443: Connection refused"), ConnectFailure::kNobody);
  EXPECT_EQ(ConnectFailureIn("DNS resolution failed for ssl.example:7443: Domain name not found"),
            ConnectFailure::kNobody);
}

}  // namespace
}  // namespace mirror::connect_failure_test
