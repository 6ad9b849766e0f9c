#ifndef MIRROR_PROTO_WIRE_EXCHANGE_CASELESS_TEXT_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_CASELESS_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

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

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_CASELESS_TEXT_H_
