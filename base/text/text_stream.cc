#include "base/text/text_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/text/wrapped_text.h"

namespace mirror {
namespace {

/// Returns true if the reader of the output has ended, as head does when it has enough. The rest of the
/// output is then not needed.
bool ReaderIsGone() {
  pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  return poll(&output, 1, /*timeout=*/0) == 1 && (output.revents & POLLERR) != 0;
}

}  // namespace

TextStream::TextStream(std::ostream& target, const Terminal& terminal)
    : std::ostream(nullptr), lines_(target, terminal) {
  rdbuf(&lines_);
}

TextStream::~TextStream() { lines_.WritePending(); }

std::ostream& TextStream::target() {
  lines_.WritePending();
  return lines_.target();
}

void TextStream::Write(const Coloured& word) {
  if (terminal().colours && word.colour != Colour::kNone) lines_.Mark(word.text.size(), word.colour);
  *this << word.text;
}

void TextStream::Lines::Mark(std::size_t bytes, Colour colour) {
  marked_.push_back({line_.size(), line_.size() + bytes, colour});
}

void TextStream::Lines::WritePending() {
  target_ << line_;
  line_.clear();
  marked_.clear();
}

/// Returns the line with colours. If the line is broken, only its first piece is coloured.
std::string TextStream::Lines::Shown() const {
  std::string shown = WrappedLine(line_, kHangingIndent, terminal_.width);
  const std::size_t whole = std::min(shown.find('\n'), shown.size());
  // Inserts from the end, so that earlier positions stay valid.
  for (auto mark = marked_.rbegin(); mark != marked_.rend(); ++mark) {
    if (mark->end > whole) continue;
    const std::size_t bytes = mark->end - mark->begin;
    shown.replace(mark->begin, bytes, Painted(shown.substr(mark->begin, bytes), mark->colour));
  }
  return shown;
}

int TextStream::Lines::overflow(int character) {
  if (character == traits_type::eof()) return 0;
  if (character == '\n') {
    target_ << Shown() << '\n';
    line_.clear();
    marked_.clear();
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

Terminal TerminalOf(const std::ostream& out) {
  const auto* const text = dynamic_cast<const TextStream*>(&out);
  return text == nullptr ? Terminal() : text->terminal();
}

int ExitCode(int code, std::ostream& out, std::ostream& err, std::string_view program) {
  if (out.flush() || ReaderIsGone()) return code;
  err << Coloured{std::string(program) + ":", Colour::kRed} << " the output could not be written."
      << (code == 0 ? " Everything else was done.\n" : "\n");
  return code == 0 ? 1 : code;
}

std::ostream& operator<<(std::ostream& out, const Coloured& word) {
  if (auto* const text = dynamic_cast<TextStream*>(&out)) {
    text->Write(word);
    return out;
  }
  return out << word.text;
}

}  // namespace mirror
