#include "base/text/text_stream.h"

#include "base/text/wrapped_text.h"

namespace mirror {

TextStream::TextStream(std::ostream& target) : std::ostream(nullptr), lines_(target) { rdbuf(&lines_); }

TextStream::~TextStream() { lines_.WritePending(); }

std::ostream& TextStream::target() {
  lines_.WritePending();
  return lines_.target();
}

void TextStream::Lines::WritePending() {
  target_ << line_;
  line_.clear();
}

int TextStream::Lines::overflow(int character) {
  if (character == traits_type::eof()) return 0;
  if (character == '\n') {
    target_ << WrappedLine(line_) << '\n';
    line_.clear();
  } else {
    line_ += static_cast<char>(character);
  }
  return target_ ? character : traits_type::eof();
}

int TextStream::Lines::sync() {
  WritePending();
  return target_.flush() ? 0 : -1;
}

std::ostream& AsItIs(std::ostream& out) {
  auto* const text = dynamic_cast<TextStream*>(&out);
  return text == nullptr ? out : text->target();
}

}  // namespace mirror
