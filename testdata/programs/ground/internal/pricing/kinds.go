package pricing

// Newly answers with a new array: only the type that is allocated tells how large it is.
//
//go:noinline
func Newly(n int64) any {
	if n < 0 {
		return new([7]int32)
	}
	return new([4]int)
}

// Index makes a map: only its type tells what it holds.
//
//go:noinline
func Index(n int64) any { return make(map[string]uint32, n) }

// Sheet answers with a long text.
//
//go:noinline
func Sheet(n int64) string {
	if n == 3 {
		return ""
	}
	return "abejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuh"
}

// Prime reads a table that is larger than a page.
//
//go:noinline
func Prime(n int64) int64 {
	table := [...]int64{
		13, 7932, 5878, 3824, 1770, 9689, 7635, 5581, 3527, 1473, 9392, 7338,
		5284, 3230, 1176, 9095, 7041, 4987, 2933, 879, 8798, 6744, 4690, 2636,
		582, 8501, 6447, 4393, 2339, 285, 8204, 6150, 4096, 2042, 9961, 7907,
		5853, 3799, 1745, 9664, 7610, 5556, 3502, 1448, 9367, 7313, 5259, 3205,
		1151, 9070, 7016, 4962, 2908, 854, 8773, 6719, 4665, 2611, 557, 8476,
		6422, 4368, 2314, 260, 8179, 6125, 4071, 2017, 9936, 7882, 5828, 3774,
		1720, 9639, 7585, 5531, 3477, 1423, 9342, 7288, 5234, 3180, 1126, 9045,
		6991, 4937, 2883, 829, 8748, 6694, 4640, 2586, 532, 8451, 6397, 4343,
		2289, 235, 8154, 6100, 4046, 1992, 9911, 7857, 5803, 3749, 1695, 9614,
		7560, 5506, 3452, 1398, 9317, 7263, 5209, 3155, 1101, 9020, 6966, 4912,
		2858, 804, 8723, 6669, 4615, 2561, 507, 8426, 6372, 4318, 2264, 210,
		8129, 6075, 4021, 1967, 9886, 7832, 5778, 3724, 1670, 9589, 7535, 5481,
		3427, 1373, 9292, 7238, 5184, 3130, 1076, 8995, 6941, 4887, 2833, 779,
		8698, 6644, 4590, 2536, 482, 8401, 6347, 4293, 2239, 185, 8104, 6050,
		3996, 1942, 9861, 7807, 5753, 3699, 1645, 9564, 7510, 5456, 3402, 1348,
		9267, 7213, 5159, 3105, 1051, 8970, 6916, 4862, 2808, 754, 8673, 6619,
		4565, 2511, 457, 8376, 6322, 4268, 2214, 160, 8079, 6025, 3971, 1917,
		9836, 7782, 5728, 3674, 1620, 9539, 7485, 5431, 3377, 1323, 9242, 7188,
		5134, 3080, 1026, 8945, 6891, 4837, 2783, 729, 8648, 6594, 4540, 2486,
		432, 8351, 6297, 4243, 2189, 135, 8054, 6000, 3946, 1892, 9811, 7757,
		5703, 3649, 1595, 9514, 7460, 5406, 3352, 1298, 9217, 7163, 5109, 3055,
		1001, 8920, 6866, 4812, 2758, 704, 8623, 6569, 4515, 2461, 407, 8326,
		6272, 4218, 2164, 110, 8029, 5975, 3921, 1867, 9786, 7732, 5678, 3624,
		1570, 9489, 7435, 5381, 3327, 1273, 9192, 7138, 5084, 3030, 976, 8895,
		6841, 4787, 2733, 679, 8598, 6544, 4490, 2436, 382, 8301, 6247, 4193,
		2139, 85, 8004, 5950, 3896, 1842, 9761, 7707, 5653, 3599, 1545, 9464,
		7410, 5356, 3302, 1248, 9167, 7113, 5059, 3005, 951, 8870, 6816, 4762,
		2708, 654, 8573, 6519, 4465, 2411, 357, 8276, 6222, 4168, 2114, 60,
		7979, 5925, 3871, 1817, 9736, 7682, 5628, 3574, 1520, 9439, 7385, 5331,
		3277, 1223, 9142, 7088, 5034, 2980, 926, 8845, 6791, 4737, 2683, 629,
		8548, 6494, 4440, 2386, 332, 8251, 6197, 4143, 2089, 35, 7954, 5900,
		3846, 1792, 9711, 7657, 5603, 3549, 1495, 9414, 7360, 5306, 3252, 1198,
		9117, 7063, 5009, 2955, 901, 8820, 6766, 4712, 2658, 604, 8523, 6469,
		4415, 2361, 307, 8226, 6172, 4118, 2064, 10, 7929, 5875, 3821, 1767,
		9686, 7632, 5578, 3524, 1470, 9389, 7335, 5281, 3227, 1173, 9092, 7038,
		4984, 2930, 876, 8795, 6741, 4687, 2633, 579, 8498, 6444, 4390, 2336,
		282, 8201, 6147, 4093, 2039, 9958, 7904, 5850, 3796, 1742, 9661, 7607,
		5553, 3499, 1445, 9364, 7310, 5256, 3202, 1148, 9067, 7013, 4959, 2905,
		851, 8770, 6716, 4662, 2608, 554, 8473, 6419, 4365, 2311, 257, 8176,
		6122, 4068, 2014, 9933, 7879, 5825, 3771, 1717, 9636, 7582, 5528, 3474,
		1420, 9339, 7285, 5231, 3177, 1123, 9042, 6988, 4934, 2880, 826, 8745,
		6691, 4637, 2583, 529, 8448, 6394, 4340, 2286, 232, 8151, 6097, 4043,
		1989, 9908, 7854, 5800, 3746, 1692, 9611, 7557, 5503, 3449, 1395, 9314,
		7260, 5206, 3152, 1098, 9017, 6963, 4909, 2855, 801, 8720, 6666, 4612,
		2558, 504, 8423, 6369, 4315, 2261, 207, 8126, 6072, 4018, 1964, 9883,
		7829, 5775, 3721, 1667, 9586, 7532, 5478, 3424, 1370, 9289, 7235, 5181,
		3127, 1073, 8992, 6938, 4884, 2830, 776, 8695, 6641, 4587, 2533, 479,
		8398, 6344, 4290, 2236, 182, 8101, 6047, 3993, 1939, 9858, 7804, 5750,
		3696, 1642, 9561, 7507, 5453, 3399, 1345, 9264, 7210, 5156, 3102, 1048,
		8967, 6913, 4859, 2805, 751, 8670, 6616, 4562, 2508, 454, 8373, 6319,
		4265, 2211, 157, 8076, 6022, 3968, 1914, 9833, 7779, 5725, 3671, 1617,
		9536, 7482, 5428, 3374, 1320, 9239, 7185, 5131, 3077, 1023, 8942, 6888,
		4834, 2780, 726, 8645, 6591, 4537, 2483, 429, 8348, 6294, 4240, 2186,
		132, 8051, 5997, 3943, 1889, 9808, 7754, 5700, 3646, 1592, 9511, 7457,
		5403, 3349, 1295, 9214, 7160, 5106, 3052, 998, 8917, 6863, 4809, 2755,
		701, 8620, 6566, 4512, 2458, 404, 8323, 6269, 4215, 2161, 107, 8026,
		5972, 3918, 1864, 9783, 7729, 5675, 3621, 1567, 9486, 7432, 5378, 3324,
		1270, 9189, 7135, 5081, 3027, 973, 8892, 6838, 4784, 2730, 676, 8595,
		6541, 4487, 2433, 379, 8298, 6244, 4190, 2136, 82, 8001, 5947, 3893,
		1839, 9758, 7704, 5650, 3596, 1542, 9461, 7407, 5353, 3299, 1245, 9164,
	}
	return table[uint64(n)%uint64(len(table))]
}
