#include "proto/wire/key_text.h"

#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/utf8.h"

namespace mirror {
namespace {

std::string RealText(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

/// Cuts the text before a character.
std::string Quoted(const std::string& bytes) {
  const std::string_view shown = CutUtf8(bytes, kKeyPartShown);
  std::string text = "'";
  for (const char character : shown) {
    if (character == '\'') text += '\'';
    text += character;
  }
  return Printable(absl::StrCat(text, shown.size() < bytes.size() ? "…'" : "'"));
}

std::string PartText(const KeyPart& part) {
  switch (part.kind) {
    case Kind::kNull:
      return "NULL";
    case Kind::kInteger:
      return absl::StrCat(part.integer);
    case Kind::kReal:
      return RealText(part.real);
    case Kind::kText:
    case Kind::kRawText:
      return Quoted(part.bytes);
    case Kind::kBlob:
      break;
  }
  const std::string shown = absl::BytesToHexString(part.bytes.substr(0, kKeyPartShown / 2));
  return absl::StrCat("x'", shown, part.bytes.size() > kKeyPartShown / 2 ? "…'" : "'");
}

}  // namespace

std::string KeyText(const Key& key) {
  std::string text;
  for (const KeyPart& part : key) absl::StrAppend(&text, text.empty() ? "" : ", ", PartText(part));
  return text;
}

}  // namespace mirror
