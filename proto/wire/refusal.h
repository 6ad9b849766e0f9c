#ifndef MIRROR_PROTO_WIRE_REFUSAL_H_
#define MIRROR_PROTO_WIRE_REFUSAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mirror {

/// Prefix of the names of absl::Status payloads that give programs the reason of a refused Authenticate. The
/// endpoint sends such a payload under its name as trailing metadata of the call. mirror_client.proto defines
/// the values.
inline constexpr std::string_view kRefusalPrefix = "mirror-";

/// The endpoint has no mirror of the tenant; the value is the tenant's context id.
inline constexpr char kNoMirrorPayload[] = "mirror-none-of";

/// The source must make a new token, because this one may have been used before. The value is a Unix time in
/// seconds: tokens issued at that time or later are accepted.
inline constexpr char kNewTokenPayload[] = "mirror-new-token";

/// Reason why a source could not send a table. Numbers are those of UnsentReason in completion.proto.
enum class UnsentReason : std::uint8_t {
  kUnknown = 0,  ///< The source gives no reason, or one that this program does not know.
  kUnreadable = 1,
  kNotAnnounced = 2,
  kTwin = 3,
  kRows = 4,
  kMoved = 5,
  kEndpoint = 6,
  kComparison = 7,
  kStopped = 8,
  kAgain = 9,  ///< The source sends the table in another cycle, which begins at once.
  kNoLog = 10,
};
inline constexpr std::uint8_t kUnsentReasonLast = 10;

/// Capability of an endpoint that shows the tables that a source could not send.
inline constexpr char kUnsentCapability[] = "unsent_reasons";

/// Texts for a reason: a word or two for programs, and half a sentence for people. They are constants of the
/// program, so that they never contain a value of a row or a message of the source's database.
struct UnsentWording {
  std::string_view code, people;
};

/// Indexed by number.
inline constexpr std::array<UnsentWording, kUnsentReasonLast + 1> kUnsentWords = {{
    {"unknown", "the source does not say why"},
    {"unreadable",
     "the source cannot read it: a right, a file or a column is missing, or the configuration does not fit"},
    {"not announced",
     "the source cannot announce it: it is not there, or its key, a type or its name cannot be mirrored"},
    {"twin", "the source cannot announce it: another table has the same name in another case"},
    {"rows",
     "reading its rows failed: a value or a key that cannot be mirrored, or an error of the database"},
    {"moved", "it changed again and again while the source read it"},
    {"endpoint", "the mirror refused its definition or its rows, or holds them"},
    {"comparison", "the source compared it with the mirror: rows differ, or the comparison failed"},
    {"stopped", "the cycle ended before its commit"},
    {"again", "the source sends it in the next cycle"},
    {"no log", "the source has no record of its changes, and cannot say whether there were any"},
}};

/// Converts the wire's number; kUnknown for a number that this program does not know.
constexpr UnsentReason UnsentReasonOf(int number) {
  return number >= 0 && number <= kUnsentReasonLast ? static_cast<UnsentReason>(number)
                                                    : UnsentReason::kUnknown;
}

constexpr std::string_view ToString(UnsentReason reason) {
  return kUnsentWords.at(static_cast<std::size_t>(reason)).code;
}
/// Parses a word of ToString(); absent: any other word.
constexpr std::optional<UnsentReason> ParseUnsentReason(std::string_view word) {
  for (std::size_t i = 0; i < kUnsentWords.size(); ++i) {
    if (kUnsentWords.at(i).code == word) return static_cast<UnsentReason>(i);
  }
  return std::nullopt;
}

/// Text for people.
constexpr std::string_view UnsentWords(UnsentReason reason) {
  return kUnsentWords.at(static_cast<std::size_t>(reason)).people;
}

/// Returns false if the reason says that the source did not announce the table.
constexpr bool IsAnnounced(UnsentReason reason) {
  return reason != UnsentReason::kNotAnnounced && reason != UnsentReason::kTwin;
}

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_REFUSAL_H_
