#ifndef MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/table.h"

// What two rows of different systems are found to be one by. Hub and agent bring values to the same form.

namespace mirror {

/// The numbers of Normalise in mirror_client.proto; what each does is said there.
enum class Normalise : std::uint8_t { kNone = 0, kFold = 1, kAlnum = 2 };
/// Changes with every change of what kFold and kAlnum make of a value: hubs derive their match keys anew
/// then.
inline constexpr int kNormaliseVersion = 2;
/// "fold", "alnum"; absent: there is no such word.
std::optional<Normalise> NormaliseOf(std::string_view word);

/// The value in that form, as UTF-8; empty: it matches nothing, as a text that is not UTF-8.
std::string NormaliseValue(Normalise how, const Literal& value);

/// Which characters of a text are compared.
enum class ComparedPart : std::uint8_t {
  kWithoutOuterBlanks,  ///< All but white space at both ends.
  /// Letters and digits with the combining marks that belong to them: "ö" is no "o", however it is written.
  kLettersAndDigits,
};

/// Returns a form in UTF-8 that two texts share if Unicode takes them for one without regard to case: NFC of
/// the full case folding, so that "ß" is "ss" and "Zürich" is one text in NFC and in NFD. Characters that
/// show nothing, as a soft hyphen, are left out. The same on every machine, whatever its locale is.
/// Empty: no character is compared, or the text is not UTF-8.
std::string CaselessText(std::string_view text, ComparedPart part);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_MATCH_KEY_H_
