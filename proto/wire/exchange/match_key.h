#ifndef MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// Match keys, by which rows of different systems are linked. Hub and agent normalise values in the same way.

namespace mirror {

/// Ways to normalise a value; numbers and meaning are those of Normalise in mirror_client.proto.
enum class Normalise : std::uint8_t { kNone = 0, kFold = 1, kAlnum = 2 };
/// Version of the rules of kFold and kAlnum. Increased with every change of their results; hubs then compute
/// their match keys again.
inline constexpr int kNormaliseVersion = 2;

/// Returns the normalised value as UTF-8; empty: it matches nothing, for example a text that is not UTF-8.
std::string NormaliseValue(Normalise how, const Literal& value);

/// Characters of a text that are compared.
enum class ComparedPart : std::uint8_t {
  kWithoutOuterBlanks,  ///< All except white space at both ends.
  /// Letters and digits with their combining marks: "ö" differs from "o" in every encoding.
  kLettersAndDigits,
};

/// Returns a form in UTF-8 that two texts share if Unicode considers them equal without regard to case: NFC
/// of the full case folding, so that "ß" equals "ss", and "Zürich" in NFC equals it in NFD. Invisible
/// characters, such as a soft hyphen, are removed. The result does not depend on the machine's locale. Empty:
/// no character is compared, or the text is not UTF-8.
std::string CaselessText(std::string_view text, ComparedPart part);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
