#ifndef MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// Match keys. A hub links rows of different systems by them. Hub and agent normalise values with these
// functions.

namespace mirror {

/// Ways to normalise a value; numbers and meaning are those of Normalise in mirror_client.proto.
enum class Normalise : std::uint8_t { kNone = 0, kFold = 1, kAlnum = 2 };
/// Version of the rules of kFold and kAlnum. Increased with every change of their results; hubs then compute
/// their match keys again.
inline constexpr int kNormaliseVersion = 2;

/// Returns the normalised value as UTF-8. Empty: the value matches no other, for example because it is a text
/// that is not UTF-8.
std::string NormaliseValue(Normalise how, const Literal& value);

/// Which characters of a text are compared.
enum class ComparedPart : std::uint8_t {
  kWithoutOuterBlanks,  ///< All except white space at both ends.
  /// Letters and digits with their combining marks: "ö" differs from "o" in every encoding.
  kLettersAndDigits,
};

/// Returns a form in UTF-8 that two texts share if Unicode considers them equal without regard to case: NFC
/// of the full case folding, so that "ß" equals "ss", and "Zürich" in NFC equals it in NFD. Invisible
/// characters, such as a soft hyphen, are removed. The result does not depend on the machine's locale. Empty:
/// the text is not UTF-8, or it has no character that is compared.
std::string CaselessText(std::string_view text, ComparedPart part);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
