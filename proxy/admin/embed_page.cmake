# SPDX-License-Identifier: Apache-2.0
# Makes of a file a source that holds its text: cmake -DIN=... -DOUT=... -P this.
# In pieces, as some compilers bound the length of a literal.
file(READ ${IN} text)
set(pieces "")
string(LENGTH "${text}" length)
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND pieces "R\"weir(${piece})weir\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUT} "#include \"proxy/admin/page.h\"\n\nnamespace weir {\n\nconst std::string_view kPageTemplate =\n${pieces};\n\n}  // namespace weir\n")
